-- expect: ends
-- A hundred times as much as the process may have, but never more than a few at the same time.
return {
    main = function()
        local text = ("x"):rep(1000000)
        for _ = 1, 1600 do errors.new({ message = "m", details = text }) end
    end,
}
