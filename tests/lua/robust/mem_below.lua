-- expect: ends
-- Just below the limit nothing happens.
return {
    main = function()
        local s = ("x"):rep(7 * 2^20)
        s = nil
        collectgarbage()
        return #("y"):rep(7 * 2^20)
    end,
}
