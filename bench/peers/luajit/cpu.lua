-- The function of a cpu workload under plain LuaJIT, one call after the other in one state.
-- usage: luajit cpu.lua FILE TIMES SIZE     FILE: the workload's own source
local file, times, size = arg[1], tonumber(arg[2]), tonumber(arg[3])
local main = dofile(file).main

local start, sum = os.clock(), 0
for _ = 1, times do
    sum = sum + main(size)
end
io.write(('{"seconds": %.9f, "check": %.17g}\n'):format(os.clock() - start, sum))
