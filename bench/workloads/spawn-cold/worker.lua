local function main(i)
    return 2 * i
end

return { main = main }
