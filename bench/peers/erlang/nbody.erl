%% Five bodies under gravity, stepped with a fixed time step; the total energy at the end.
-module(nbody).
-export([energy/1]).

-define(STEP, 0.001).

%% {X, Y, Z, VX, VY, VZ, Mass}: the same bodies as in workloads/cpu/nbody.lua
bodies() ->
    [{0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 40.0},
     {5.0, -1.0, 0.1, 0.6, 2.7, 0.02, 0.04},
     {8.0, 4.0, -0.4, -1.0, 1.8, 0.01, 0.012},
     {13.0, -15.0, 0.2, 1.0, 0.9, -0.01, 0.0017},
     {15.0, -26.0, 0.5, 1.0, 0.6, -0.03, 0.002}].

energy(Steps) -> total(run(bodies(), Steps)).

run(Bodies, 0) -> Bodies;
run(Bodies, N) -> run([move(B) || B <- pull(Bodies)], N - 1).

%% Each body against all that follow it; the changed others go on to the next.
pull([]) -> [];
pull([Body | Rest]) ->
    {Pulled, Others} = pull(Body, Rest, []),
    [Pulled | pull(Others)].

pull(Body, [], Done) -> {Body, lists:reverse(Done)};
pull({X1, Y1, Z1, VX1, VY1, VZ1, M1}, [{X2, Y2, Z2, VX2, VY2, VZ2, M2} | Rest], Done) ->
    DX = X1 - X2,
    DY = Y1 - Y2,
    DZ = Z1 - Z2,
    D2 = DX * DX + DY * DY + DZ * DZ,
    Mag = ?STEP / (D2 * math:sqrt(D2)),
    A = M1 * Mag,
    B = M2 * Mag,
    pull({X1, Y1, Z1, VX1 - DX * B, VY1 - DY * B, VZ1 - DZ * B, M1}, Rest,
         [{X2, Y2, Z2, VX2 + DX * A, VY2 + DY * A, VZ2 + DZ * A, M2} | Done]).

move({X, Y, Z, VX, VY, VZ, M}) ->
    {X + ?STEP * VX, Y + ?STEP * VY, Z + ?STEP * VZ, VX, VY, VZ, M}.

total([]) -> 0.0;
total([{X, Y, Z, VX, VY, VZ, M} | Rest]) ->
    Potential = lists:sum([M * M2 / math:sqrt((X - X2) * (X - X2) + (Y - Y2) * (Y - Y2) + (Z - Z2) * (Z - Z2))
                           || {X2, Y2, Z2, _, _, _, M2} <- Rest]),
    0.5 * M * (VX * VX + VY * VY + VZ * VZ) - Potential + total(Rest).
