-- lua-api.md, section 7: json, hash, base64, uuid.
local wippy = boolean ~= nil
local function fails(kind, pattern, v, err)
    assert.falsy(v)
    assert.is_userdata(err)
    assert.equal(kind, err:kind())
    assert.falsy(err:retryable())
    assert.match(pattern, tostring(err))
end
local function nested(depth, leaf)
    local t = leaf
    for _ = 1, depth do t = { t } end
    return t
end

describe("7. json.encode:", function()
    local json = require("json")
    it("nil, inf, nan → null; scalars", function()
        assert.same({ "null", "null", "null", "null" },
            { json.encode(nil), json.encode(math.huge), json.encode(-math.huge), json.encode(0 / 0) })
        assert.same({ "true", "false", '"x"', '""', "0", "-1.5" },
            { json.encode(true), json.encode(false), json.encode("x"), json.encode(""), json.encode(0), json.encode(-1.5) })
        assert.has_error(function() json.encode() end)
    end)
    it("{} → []; sequences → arrays; string keys → objects", function()
        assert.equal("[]", json.encode({}))
        assert.equal("[1,[2],[]]", json.encode({ 1, { 2 }, {} }))
        assert.equal('{"a":1}', json.encode({ a = 1 }))
        assert.equal('{"1":1}', json.encode({ ["1"] = 1 }))
        assert.equal('{"":[]}', json.encode({ [""] = {} }))
    end)
    it("strings: quoted, control characters escaped, UTF-8 as it is", function()
        assert.equal([["\"\\\b\f\n\r\t\u0001/é☃😀"]], json.encode("\"\\\b\f\n\r\t\1/é☃😀"))
        assert.equal("a\0b", json.decode(json.encode("a\0b")))
    end)
    it("doubles round-trip", function()
        for _, n in ipairs({ 0.1, 1 / 3, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 2 ^ 53, -2 ^ 53 - 2, 123456789012, 1e15, 1e16, 4.35, 0.1 + 0.2 }) do
            assert.equal(n, json.decode(json.encode(n)))
        end
        assert.equal("9007199254740992", json.encode(2 ^ 53))
        assert.equal(-math.huge, 1 / json.decode(json.encode(-0)))
    end)
    it("holes, mixed keys, cycles, more than 128 levels, values that are no data → INTERNAL with the path", function()
        local cycle = {}
        cycle.a = { { cycle } }
        for pattern, bad in pairs({ ["value%.list"] = { list = { 1, nil, 3 } }, ["value%.m"] = { m = { 1, x = 2 } }, ["value%.a%[1%]%[1%]"] = cycle,
            ["128"] = nested(129, 1), ["value%.f: .*function"] = { f = print }, ["value%[2%]: .*coroutine"] = { 1, coroutine.create(print) },
            ["value%.c: .*channel"] = { c = channel.new() }, ['value%["a b"%]'] = { ["a b"] = print }, ["value%.k"] = { k = { [1.5] = 1 } },
            ["value%.b"] = { b = { [true] = 1 } }, ["value%.z"] = { z = { [0] = 1 } } }) do
            fails(errors.INTERNAL, pattern, json.encode(bad))
        end
        assert.is_string((json.encode(nested(128, 1))))
        local shared = { 1 }
        assert.equal("[[1],[1]]", json.encode({ shared, shared }))
    end)
    it("metamethods are not called; error objects and times", function()
        assert.equal("[1]", json.encode(setmetatable({ 1 }, { __index = function() error("called") end, __len = function() return 9 end })))
        assert.equal('"why"', json.encode(errors.new("why")))
    end)
end)

describe("7. json.decode:", function()
    local json = require("json")
    it("scalars, arrays, objects; null is nil", function()
        assert.same({ 1, "a", true, false, { x = { 1 } } }, json.decode(' [1, "a" ,true,false,{"x":[1]}]\n'))
        assert.is_nil(json.decode("null"))
        assert.same({}, json.decode('{"a":null}'))
        assert.same({ 1, nil, 3 }, json.decode("[1,null,3]"))
        assert.equal("é☃😀", json.decode([["\u00e9\u2603\uD83D\uDE00"]]))
        assert.equal("a\0b", json.decode([["a\u0000b"]]))
    end)
    it("duplicate keys: last wins", function() assert.same({ a = 2 }, json.decode('{"a":1,"a":2}')) end)
    it("big numbers", function()
        assert.equal(2 ^ 64, json.decode("18446744073709551616"))
        assert.equal(1e100, json.decode("1e100"))
        assert.equal(9007199254740993, json.decode("9007199254740993"))
    end)
    it('decode("") → INVALID', function() fails(errors.INVALID, "empty", json.decode("")) end)
    it("other bad text → INTERNAL with line and column", function()
        for _, text in ipairs({ " ", "{", "[1,", "[1 2]", '{"a" 1}', '{a:1}', "'x'", "nul", "tru", "01", "1.", ".5", "+1", "--1", "0x10", "1e", '"\1"', '"\\x"',
            '"\\u12"', '"\\ud800"', '"\255"', "[1],", "[1,]", '{"a":1,}', "NaN", "Infinity", "// c\n1", '"a', "\239\187\191[]" }) do
            fails(errors.INTERNAL, "json.decode: line %d+, column %d+: ", json.decode(text))
        end
        fails(errors.INTERNAL, "line 3, column 3", json.decode('{\n"a": 1,\n  x}'))
        fails(errors.INTERNAL, "", json.decode(("["):rep(100000)))
        assert.error_match(function() json.decode() end, "bad argument #1")
        assert.error_match(function() json.decode({}) end, "bad argument #1")
    end)
end)

describe("7. json.validate, validate_string:", function()
    local json = require("json")
    local function good(schema, ...)
        for i = 1, select("#", ...) do
            local ok, err = json.validate(schema, (select(i, ...)))
            assert.is_nil(err and tostring(err))
            assert.is_true(ok)
        end
    end
    local function bad(schema, ...)
        for i = 1, select("#", ...) do
            local ok, err = json.validate(schema, (select(i, ...)))
            assert.is_false(ok)
            assert.equal(errors.INVALID, err:kind())
        end
    end
    it("type", function()
        good({ type = "string" }, "x", "")
        bad({ type = "string" }, 1, true, {})
        good({ type = "integer" }, 1, -5, 2 ^ 40)
        bad({ type = "integer" }, 1.5, "1")
        good({ type = "number" }, 1.5)
        good({ type = "boolean" }, false)
        good({ type = "object" }, { a = 1 }, {})
        good({ type = "array" }, { 1 }, {})
        bad({ type = "object" }, { 1 })
        bad({ type = "array" }, { a = 1 })
        good({ type = { "string", "number" } }, "x", 1)
        bad({ type = { "string", "number" } }, true)
    end)
    it("enum, const", function()
        good({ enum = { "a", 1, { x = 1 } } }, "a", 1, { x = 1 })
        bad({ enum = { "a", 1 } }, "b", 2)
        good({ const = { 1, 2 } }, { 1, 2 })
        bad({ const = 5 }, 6, "5")
    end)
    it("properties, required, additionalProperties", function()
        local s = { type = "object", properties = { a = { type = "number" }, b = { type = "string" } }, required = { "a" }, additionalProperties = false }
        good(s, { a = 1 }, { a = 1, b = "x" })
        bad(s, { b = "x" }, { a = "1" }, { a = 1, c = 1 })
        good({ additionalProperties = { type = "number" } }, { x = 1 })
        bad({ additionalProperties = { type = "number" } }, { x = "1" })
        local _, err = json.validate({ properties = { a = { properties = { b = { type = "string" } } } } }, { a = { b = 1 } })
        assert.match("a.*b", tostring(err))
    end)
    it("items, lengths, ranges", function()
        good({ items = { type = "number" }, minItems = 1, maxItems = 2 }, { 1 }, { 1, 2 })
        bad({ items = { type = "number" }, minItems = 1, maxItems = 2 }, {}, { 1, 2, 3 }, { "x" })
        good({ minLength = 2, maxLength = 3 }, "ab", "éé☃")
        bad({ minLength = 2, maxLength = 3 }, "a", "abcd")
        good({ minimum = 1, maximum = 3 }, 1, 3)
        bad({ minimum = 1, maximum = 3 }, 0.9, 3.1)
        good({ exclusiveMinimum = 1, exclusiveMaximum = 3 }, 2)
        bad({ exclusiveMinimum = 1, exclusiveMaximum = 3 }, 1, 3)
        good({ minProperties = 1, maxProperties = 1 }, { a = 1 })
        bad({ minProperties = 1, maxProperties = 1 }, { a = 1, b = 1 })
    end)
    it("pattern, format email/uri/date-time", function()
        good({ pattern = "^a+$" }, "aaa")
        bad({ pattern = "^a+$" }, "b")
        good({ format = "email" }, "a@b.example")
        bad({ format = "email" }, "a", "@b", "a b@c.d")
        good({ format = "uri" }, "https://a.example/x?y#z", "urn:a:b")
        bad({ format = "uri" }, "not a uri", "//x")
        good({ format = "date-time" }, "2024-02-29T12:00:00Z", "2024-02-29T12:00:00.5+01:00")
        bad({ format = "date-time" }, "2024-02-30T12:00:00Z", "2024-02-29", "x")
    end)
    it("allOf/anyOf/oneOf/not", function()
        good({ allOf = { { minimum = 1 }, { maximum = 2 } } }, 1)
        bad({ allOf = { { minimum = 1 }, { maximum = 2 } } }, 3)
        good({ anyOf = { { type = "string" }, { minimum = 5 } } }, "x", 6)
        bad({ anyOf = { { type = "string" }, { type = "number", minimum = 5 } } }, 4)
        good({ oneOf = { { maximum = 2 }, { minimum = 1 } } }, 0, 3)
        bad({ oneOf = { { maximum = 2 }, { minimum = 1 } } }, 1, 2)
        bad({ oneOf = { { type = "string" }, { minimum = 1 } } }, 0)
        good({ ["not"] = { type = "string" } }, 1)
        bad({ ["not"] = { type = "string" } }, "x")
    end)
    it("local $ref, also recursive", function()
        local s = { ["$defs"] = { node = { type = "object", properties = { next = { ["$ref"] = "#/$defs/node" }, v = { type = "number" } } } },
            ["$ref"] = "#/$defs/node" }
        good(s, { v = 1, next = { v = 2, next = {} } })
        bad(s, { v = 1, next = { v = "2" } })
        bad({ ["$ref"] = "#/nowhere" }, 1)
        bad({ ["$ref"] = "http://elsewhere.example/x" }, 1)
    end)
    it("a missing data → false, \"data is required\"", function()
        local ok, err = json.validate({ type = "string" })
        assert.is_false(ok)
        assert.equal("data is required", tostring(err))
        ok, err = json.validate_string({ type = "string" }, nil)
        assert.is_false(ok)
        assert.equal("data is required", tostring(err))
    end)
    it("the schema may be a table or JSON text", function()
        good('{"type":"number"}', 1)
        bad('{"type":"number"}', "x")
        fails(errors.INVALID, "schema: line 1, column", json.validate("{", 1))
        assert.error_match(function() json.validate(5, 1) end, "bad argument #1")
        assert.error_match(function() json.validate(nil, 1) end, "bad argument #1")
    end)
    it("validate_string: text, {} is no [], null is a value", function()
        assert.is_true(json.validate_string({ type = "object" }, "{}"))
        assert.is_true(json.validate_string({ type = "array" }, "[]"))
        assert.is_true(json.validate_string({ type = "null" }, "null"))
        fails(errors.INVALID, "", json.validate_string({ type = "object" }, "[]"))
        fails(errors.INVALID, "empty", json.validate_string({}, ""))
        fails(errors.INTERNAL, "line 1, column", json.validate_string({}, "{"))
        assert.error_match(function() json.validate_string({}, {}) end, "bad argument #2")
    end)
end)

describe("7. hash:", function()
    local hash = require("hash")
    it("md5 sha1 sha256 sha512(data[, raw]) → hex, or raw bytes", function()
        assert.equal("900150983cd24fb0d6963f7d28e17f72", hash.md5("abc"))
        assert.equal("a9993e364706816aba3e25717850c26c9cd0d89d", hash.sha1("abc"))
        assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", hash.sha256("abc"))
        assert.equal("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            hash.sha512("abc"))
        assert.equal("d41d8cd98f00b204e9800998ecf8427e", hash.md5(""))
        for name, size in pairs({ md5 = 16, sha1 = 20, sha256 = 32, sha512 = 64 }) do
            local raw = hash[name]("a\0b", true)
            assert.equal(size, #raw)
            assert.equal(hash[name]("a\0b"), (raw:gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
            assert.not_equal(hash[name]("a"), hash[name]("a\0b"))
            assert.error_match(function() hash[name]() end, "bad argument #1")
            assert.error_match(function() hash[name]({}) end, "bad argument #1")
        end
    end)
    it("hmac_md5 … hmac_sha512(data, secret[, raw])", function()
        local text = "what do ya want for nothing?"
        assert.equal("750c783e6ab0b503eaa86e310a5db738", hash.hmac_md5(text, "Jefe"))
        assert.equal("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79", hash.hmac_sha1(text, "Jefe"))
        assert.equal("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", hash.hmac_sha256(text, "Jefe"))
        assert.equal("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            hash.hmac_sha512(text, "Jefe"))
        assert.equal(32, #hash.hmac_sha256("", ("k"):rep(200), true))
        for _, name in ipairs({ "md5", "sha1", "sha256", "sha512" }) do
            assert.error_match(function() hash["hmac_" .. name]("x") end, "bad argument #2")
        end
    end)
    it("fnv32 fnv64(data) → number", function()
        assert.equal(0x811c9dc5, hash.fnv32(""))
        assert.equal(0xe40c292c, hash.fnv32("a"))
        assert.equal(14695981039346656037, hash.fnv64(""))
        assert.equal(12638187200555641996, hash.fnv64("a"))
        assert.error_match(function() hash.fnv32({}) end, "bad argument #1")
    end)
end)

describe("7. base64:", function()
    local base64 = require("base64")
    it("encode and decode (RFC 4648)", function()
        for plain, text in pairs({ [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", ["\0\255\254"] = "AP/+" }) do
            assert.equal(text, base64.encode(plain))
            assert.equal(plain, base64.decode(text))
        end
        local all = {}
        for i = 0, 255 do all[#all + 1] = string.char(i) end
        all = table.concat(all):rep(100)
        assert.is_true(base64.decode(base64.encode(all)) == all)
    end)
    it("strict padding; INVALID", function()
        for _, bad in ipairs({ "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v=", "====", "Z===", "Zm 9v", "Zm9v\n", "Zm9*", "Zm9v-_==", "=Zg=", "Zg==Zg==" }) do
            fails(errors.INVALID, "base64.decode: ", base64.decode(bad))
        end
        assert.error_match(function() base64.decode({}) end, "bad argument #1")
        assert.error_match(function() base64.encode() end, "bad argument #1")
    end)
end)

describe("7. uuid:", function()
    local uuid = require("uuid")
    local DNS = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    it("v1 v3(ns, name) v4 v5(ns, name) v7", function()
        for version, id in pairs({ [1] = uuid.v1(), [3] = uuid.v3(DNS, "x"), [4] = uuid.v4(), [5] = uuid.v5(DNS, "x"), [7] = uuid.v7() }) do
            assert.match("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-" .. version .. "%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$", id)
            assert.equal(version, uuid.version(id))
            assert.equal("RFC4122", uuid.variant(id))
        end
        assert.equal("5df41881-3aed-3515-88a7-2f4a814cf09e", uuid.v3(DNS, "www.example.com"))
        assert.equal("2ed6657d-e927-568b-95e1-2665a8aea6a2", uuid.v5(DNS, "www.example.com"))
    end)
    it("they differ, also made by many at once; v7 sorts by time", function()
        local seen, last = {}, ""
        for _ = 1, 1000 do
            for _, f in ipairs({ uuid.v1, uuid.v4, uuid.v7 }) do
                local id = f()
                assert.is_nil(seen[id])
                seen[id] = true
                if f == uuid.v7 then
                    assert.is_true(last < id)
                    last = id
                end
            end
        end
    end)
    it("validate(any) → boolean", function()
        for _, good in ipairs({ DNS, DNS:upper(), (DNS:gsub("-", "")), "{" .. DNS .. "}", "urn:uuid:" .. DNS, "00000000-0000-0000-0000-000000000000" }) do
            assert.is_true(uuid.validate(good), good)
        end
        for _, bad in ipairs({ "", "x", DNS .. "0", DNS:sub(2), (DNS:gsub("6", "g")), DNS:gsub("-", "_"), 5, true, {}, print }) do
            assert.is_false(uuid.validate(bad))
        end
        assert.is_false(uuid.validate(nil))
        assert.is_false(uuid.validate())
    end)
    it("parse: version, variant, timestamp for v1/v7, node for v1", function()
        local one, seven, four = uuid.parse(uuid.v1()), uuid.parse(uuid.v7()), uuid.parse(uuid.v4())
        assert.near(os.time(), one.timestamp, 2)
        assert.near(os.time(), seven.timestamp, 2)
        assert.match("^%x%x%x%x%x%x%x%x%x%x%x%x$", one.node)
        assert.same({ version = 4, variant = "RFC4122" }, four)
        assert.is_nil(seven.node)
        assert.equal("Microsoft", uuid.variant("6ba7b810-9dad-11d1-c0b4-00c04fd430c8"))
    end)
    it("format(id[, standard | simple | urn])", function()
        assert.equal(DNS, uuid.format(DNS:upper()))
        assert.equal(DNS, uuid.format("{" .. DNS .. "}", "standard"))
        assert.equal((DNS:gsub("-", "")), uuid.format(DNS, "simple"))
        assert.equal("urn:uuid:" .. DNS, uuid.format(DNS, "urn"))
    end)
    it("wrong type, form or format → INVALID", function()
        fails(errors.INVALID, "uuid.format: unknown format \"round\"", uuid.format(DNS, "round"))
        fails(errors.INVALID, "string expected", uuid.format(DNS, 5))
        for _, f in ipairs({ "version", "variant", "parse", "format" }) do
            fails(errors.INVALID, "uuid." .. f .. ': "x" is no UUID', uuid[f]("x"))
            fails(errors.INVALID, "uuid." .. f .. ": UUID expected, got number", uuid[f](5))
            fails(errors.INVALID, "uuid." .. f, uuid[f]())
        end
        for _, f in ipairs({ "v3", "v5" }) do
            fails(errors.INVALID, "no UUID", uuid[f]("x", "name"))
            fails(errors.INVALID, "string", uuid[f](DNS, 5))
            fails(errors.INVALID, "string", uuid[f](DNS))
        end
    end)
end)
