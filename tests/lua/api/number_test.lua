-- What LuaJIT writes for numbers: Troupe's build of it takes a shorter way for whole ones.
local function check(n)
    local text = string.format("%.0f", n)
    assert.equal(text, tostring(n))
    assert.equal(text, n .. "")
    assert.equal(text, table.concat({ n }))
    assert.equal("<" .. text .. "," .. text .. ">", "<" .. table.concat({ n, n }, ",") .. ">")
    assert.equal(n, tonumber(text))
end

-- The powers of `base` up to that one, and their neighbours.
local function around(base, largest)
    for e = 0, largest do
        for d = -1, 1 do
            check(base ^ e + d)
            check(-(base ^ e) + d)
        end
    end
end

describe("1. Numbers as text:", function()
    it("whole numbers of any size", function()
        around(2, 46)
        around(10, 9)
        for n = 1, 10100 do -- all with up to four digits, whose text is made in one step
            check(n)
            check(-n)
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

    it("pieces of all kinds in a text that outgrows its buffer again and again", function()
        local pieces, text = {}, ""
        for i = 1, 3000 do
            pieces[i] = i % 3 == 0 and i or i % 3 == 1 and ("x"):rep(i % 19) or i / 4
            text = text .. "," .. pieces[i]
        end
        assert.equal(text, "," .. table.concat(pieces, ","))
        assert.equal(text:gsub(",", ""), table.concat(pieces))
        assert.equal(table.concat(pieces, ",", 7, 9), pieces[7] .. "," .. pieces[8] .. "," .. pieces[9])
        pieces[1500] = false
        local ok, err = pcall(table.concat, pieces)
        assert.falsy(ok)
        assert.matches("invalid value %(boolean%) at index 1500 in table for 'concat'", err)
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
