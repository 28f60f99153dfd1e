-- expect: ends
return {
    main = function()
        local function h() return xpcall(error, h) end
        xpcall(error, h)
    end,
}
