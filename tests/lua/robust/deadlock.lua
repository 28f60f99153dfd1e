-- expect: fails Unknown deadlock
return {
    main = function()
        channel.new():receive()
    end,
}
