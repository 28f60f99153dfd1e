-- Five bodies under gravity, stepped with a fixed time step; the total energy at the end. bench/peers/luajit runs this
-- very file, so it uses nothing but the language and math.sqrt.
local sqrt = math.sqrt

local STEP = 0.001

local function body(x, y, z, vx, vy, vz, mass)
    return { x = x, y = y, z = z, vx = vx, vy = vy, vz = vz, mass = mass }
end

local function step(bodies, n)
    for i = 1, n do
        local a = bodies[i]
        local ax, ay, az, amass = a.x, a.y, a.z, a.mass
        local vx, vy, vz = a.vx, a.vy, a.vz
        for j = i + 1, n do
            local b = bodies[j]
            local dx, dy, dz = ax - b.x, ay - b.y, az - b.z
            local d2 = dx * dx + dy * dy + dz * dz
            local mag = STEP / (d2 * sqrt(d2))
            local pull = b.mass * mag
            vx, vy, vz = vx - dx * pull, vy - dy * pull, vz - dz * pull
            pull = amass * mag
            b.vx, b.vy, b.vz = b.vx + dx * pull, b.vy + dy * pull, b.vz + dz * pull
        end
        a.vx, a.vy, a.vz = vx, vy, vz
        a.x, a.y, a.z = ax + STEP * vx, ay + STEP * vy, az + STEP * vz
    end
end

local function energy(bodies, n)
    local e = 0
    for i = 1, n do
        local a = bodies[i]
        e = e + 0.5 * a.mass * (a.vx * a.vx + a.vy * a.vy + a.vz * a.vz)
        for j = i + 1, n do
            local b = bodies[j]
            local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
            e = e - a.mass * b.mass / sqrt(dx * dx + dy * dy + dz * dz)
        end
    end
    return e
end

local function main(steps)
    local bodies = {
        body(0, 0, 0, 0, 0, 0, 40),
        body(5, -1, 0.1, 0.6, 2.7, 0.02, 0.04),
        body(8, 4, -0.4, -1, 1.8, 0.01, 0.012),
        body(13, -15, 0.2, 1, 0.9, -0.01, 0.0017),
        body(15, -26, 0.5, 1, 0.6, -0.03, 0.002),
    }
    local n = #bodies
    for _ = 1, steps do
        step(bodies, n)
    end
    return energy(bodies, n)
end

return { main = main }
