-- expect: runs
return {
    main = function()
        while true do time.sleep(0) end
    end,
}
