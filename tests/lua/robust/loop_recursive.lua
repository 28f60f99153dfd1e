-- expect: runs
return {
    main = function()
        local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
        while true do fib(25) end
    end,
}
