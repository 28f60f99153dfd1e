-- expect: runs
return {
    main = function()
        for i in function() return 1 end do end
    end,
}
