-- expect: runs
-- Near the limit the collector works, whatever it was told.
return {
    main = function()
        collectgarbage("stop")
        local t
        while true do t = { t and #t, ("x"):rep(100) .. tostring({}) } end
    end,
}
