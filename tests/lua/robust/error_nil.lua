-- expect: fails Unknown nil
return {
    main = function()
        error(nil)
    end,
}
