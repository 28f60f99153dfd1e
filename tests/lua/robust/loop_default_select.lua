-- expect: runs
return {
    main = function()
        local ch = channel.new()
        while true do channel.select({ ch:case_receive(), default = true }) end
    end,
}
