-- expect: fails Unknown xxx
-- The message is cut.
return {
    main = function()
        error(("x"):rep(5 * 2^20), 0)
    end,
}
