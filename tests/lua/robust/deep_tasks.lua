-- expect: fails Unknown stack overflow
return {
    main = function()
        local function f() coroutine.spawn(f) end
        f()
        time.sleep('1s')
    end,
}
