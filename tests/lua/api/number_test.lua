-- What LuaJIT writes for numbers: Troupe's build of it takes a shorter way for whole ones.
local function check(n)
    local text = string.format("%.0f", n)
    assert.equal(text, tostring(n))
    assert.equal(text, n .. "")
    assert.equal(text, table.concat({ n }))
    assert.equal("<" .. text .. "," .. text .. ">", "<" .. table.concat({ n, n }, ",") .. ">")
    assert.equal(n, tonumber(text))
end

describe("1. Numbers as text:", function()
    it("whole numbers of any size", function()
        for e = 0, 46 do
            for d = -1, 1 do
                check(2 ^ e + d)
                check(-(2 ^ e) + d)
            end
        end
        for _ = 1, 20000 do
            check(math.random(-3e9, 3e9))
        end
    end)

    it("and those that only look like it", function()
        local texts = {
            [{ -0 }] = "-0", [{ 0.5 }] = "0.5", [{ 1e14 }] = "1e+14", [{ 99999999999999 }] = "99999999999999",
            [{ 1 / 0 }] = "inf", [{ -1 / 0 }] = "-inf", [{ 2147483647.5 }] = "2147483647.5",
            [{ 3 - 2 ^ -50 }] = "3", [{ 1e-300 }] = "1e-300",
        }
        for n, text in pairs(texts) do
            assert.equal(text, tostring(n[1]))
            assert.equal(text, n[1] .. "")
            assert.equal(text, table.concat(n))
        end
        assert.equal("nan", (tostring(0 / 0):gsub("^-", "")))
        assert.equal("    7|-0007|+7", string.format("%5d|%05d|%+d", 7, -7, 7))
        assert.equal("     7|7.0000000000000", string.format("%6.14g|%#.14g", 7, 7))
    end)

    it("pieces of any length, joined", function()
        for length = 0, 40 do
            local piece = ("abcdefghijklmnopqrstuvwxyz0123456789-+*/"):sub(1, length)
            local joined = table.concat({ piece, piece, piece }, "|")
            assert.equal(piece .. "|" .. piece .. "|" .. piece, joined)
            assert.equal(3 * length + 2, #joined)
            assert.equal(piece, joined:sub(length + 2, 2 * length + 1))
        end
    end)
end)
