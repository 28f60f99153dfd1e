-- expect: helper
return {
    main = function()
        time.sleep("1h")
    end,
}
