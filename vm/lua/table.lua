-- table.sort in Lua: LuaJIT's own is C code, which nothing can interrupt and through which no comparator could yield.
--
-- Quicksort with the median of three, insertion below 12 elements, the shorter part first (so that the depth stays
-- logarithmic). A comparator that contradicts itself gets "invalid order function for sorting" or any order; it never
-- makes the sort leave the array.
-- The errors of comparisons, too, name the line of the program: check(a, b) raises those. order(v): what compares v.
local invalid, check, order, base = ...
local error, getmetatable, rawget, rawset, type = base.error, base.getmetatable, base.rawget, base.rawset, base.type
local rawequal = base.rawequal

local SHORT = 12

-- The same twice, since a call for each comparison would cost as much as all the rest.
local function sort_plain(t, lo, hi)
    while hi - lo >= SHORT do
        local mid = lo + (hi - lo - (hi - lo) % 2) / 2
        local a, b, c = t[lo], t[mid], t[hi]
        if b < a then a, b = b, a end
        if c < b then
            b, c = c, b
            if b < a then a, b = b, a end
        end
        t[lo], t[mid], t[hi] = a, t[hi - 1], c
        t[hi - 1] = b
        local i, j = lo, hi - 1
        while true do
            i = i + 1
            while t[i] < b do
                if i >= hi then return invalid() end
                i = i + 1
            end
            j = j - 1
            while b < t[j] do
                if j <= lo then return invalid() end
                j = j - 1
            end
            if j < i then break end
            t[i], t[j] = t[j], t[i]
        end
        t[hi - 1], t[i] = t[i], b
        if i - lo < hi - i then
            sort_plain(t, lo, i - 1)
            lo = i + 1
        else
            sort_plain(t, i + 1, hi)
            hi = i - 1
        end
    end
    for i = lo + 1, hi do
        local v, j = t[i], i - 1
        while j >= lo and v < t[j] do
            t[j + 1] = t[j]
            j = j - 1
        end
        t[j + 1] = v
    end
end

local function sort_by(t, lo, hi, less)
    while hi - lo >= SHORT do
        local mid = lo + (hi - lo - (hi - lo) % 2) / 2
        local a, b, c = t[lo], t[mid], t[hi]
        if less(b, a) then a, b = b, a end
        if less(c, b) then
            b, c = c, b
            if less(b, a) then a, b = b, a end
        end
        t[lo], t[mid], t[hi] = a, t[hi - 1], c
        t[hi - 1] = b
        local i, j = lo, hi - 1
        while true do
            i = i + 1
            while less(t[i], b) do
                if i >= hi then return invalid() end
                i = i + 1
            end
            j = j - 1
            while less(b, t[j]) do
                if j <= lo then return invalid() end
                j = j - 1
            end
            if j < i then break end
            t[i], t[j] = t[j], t[i]
        end
        t[hi - 1], t[i] = t[i], b
        if i - lo < hi - i then
            sort_by(t, lo, i - 1, less)
            lo = i + 1
        else
            sort_by(t, i + 1, hi, less)
            hi = i - 1
        end
    end
    for i = lo + 1, hi do
        local v, j = t[i], i - 1
        while j >= lo and less(v, t[j]) do
            t[j + 1] = t[j]
            j = j - 1
        end
        t[j + 1] = v
    end
end

-- Whether any two of them can be compared.
local function is_plain(t, n)
    local first = type(t[1])
    if first == "number" or first == "string" then
        for i = 2, n do
            if type(t[i]) ~= first then
                return false
            end
        end
        return true
    end
    local by = order(t[1])
    for i = 2, n do
        if type(t[i]) ~= first or not rawequal(order(t[i]), by) then
            return false
        end
    end
    return by ~= nil
end

local function less_than(a, b)
    check(a, b)
    return a < b
end

return function(t, less)
    if type(t) ~= "table" then
        error("bad argument #1 to 'sort' (table expected, got " .. (t == nil and "no value" or type(t)) .. ")", 2)
    end
    if less ~= nil and type(less) ~= "function" then
        error("bad argument #2 to 'sort' (function expected, got " .. type(less) .. ")", 2)
    end
    local n, raw = #t, t
    if getmetatable(t) ~= nil then -- its elements themselves, whatever __index and __newindex say
        raw = {}
        for i = 1, n do
            raw[i] = rawget(t, i)
        end
    end
    if less then
        sort_by(raw, 1, n, less)
    elseif n < 2 or is_plain(raw, n) then
        sort_plain(raw, 1, n)
    else
        sort_by(raw, 1, n, less_than)
    end
    if not rawequal(raw, t) then
        for i = 1, n do
            rawset(t, i, raw[i])
        end
    end
end
