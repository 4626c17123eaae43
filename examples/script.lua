-- SPDX-License-Identifier: ISC
-- Commands of each kind, for spawnio --summary.
for _ = 1, 100 do
	local date = assert(io.popen("date"))
	date:read("a")
	date:close()
end
local sort = assert(io.popen("sort >/dev/null", "w"))
sort:write("b\na\n")
sort:close()
os.execute("sleep 0.1; exit 1")
