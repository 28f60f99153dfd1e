%% Endless loops, and beside them a pair that exchanges messages; with a rest, what a woken process waits.
-module(fairness).
-export([main/1]).

main(Args) ->
    [Millis, Loops, RestMs] = bench:ints(Args),
    [spawn(fun() -> spin(0) end) || _ <- lists:seq(1, Loops)],
    rest(50),
    Ponger = spawn_link(fun ponger/0),
    Delays = bench:histogram(),
    Start = bench:now_ns(),
    Rounds = ping(Ponger, Delays, RestMs, Start, Start + Millis * 1000000, 0),
    bench:report([{p50_us, bench:quantile(Delays, 0.50) / 1.0e3},
                  {p99_us, bench:quantile(Delays, 0.99) / 1.0e3},
                  {max_us, bench:largest(Delays) / 1.0e3},
                  {rounds_per_s, Rounds * 1000 / Millis}]).

spin(X) -> spin((X * 3 + 1) band 16#ffff).

ping(_, _, _, Now, End, Rounds) when Now >= End -> Rounds;
ping(Ponger, Delays, RestMs, Start, End, Rounds) ->
    rest(RestMs),
    Ponger ! {ping, self()},
    receive pong -> ok end,
    Now = bench:now_ns(),
    bench:record(Delays, Now - Start - RestMs * 1000000),
    ping(Ponger, Delays, RestMs, Now, End, Rounds + 1).

rest(0) -> ok;
rest(Ms) -> receive after Ms -> ok end.

ponger() ->
    receive {ping, From} -> From ! pong, ponger() end.
