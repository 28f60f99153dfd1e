-- The function of a cpu workload under plain LuaJIT, one call after the other in one state.
-- usage: luajit cpu.lua FILE TIMES SIZE     FILE: the workload's own source
local file, times, size = arg[1], tonumber(arg[2]), tonumber(arg[3])
local main = dofile(file).main

-- The monotonic clock, as Troupe's program reads it: os.clock would leave out what others take of the processor.
local ffi = require("ffi")
ffi.cdef([[
    struct timespec { long s, ns; };
    int clock_gettime(int clock, struct timespec *at);
]])
local CLOCK_MONOTONIC = 1
local at = ffi.new("struct timespec")

local function now()
    ffi.C.clock_gettime(CLOCK_MONOTONIC, at)
    return tonumber(at.s) + tonumber(at.ns) / 1e9
end

local start, sum = now(), 0
for _ = 1, times do
    sum = sum + main(size)
end
io.write(('{"seconds": %.9f, "check": %.17g}\n'):format(now() - start, sum))
