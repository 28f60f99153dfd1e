%% Two processes, a small integer there and back.
-module(pingpong).
-export([main/1]).

main(Args) ->
    [Rounds] = bench:ints(Args),
    Ponger = spawn_link(fun ponger/0),
    Start = bench:now_ns(),
    ping(Ponger, Rounds),
    Seconds = bench:seconds_since(Start),
    bench:report([{hops_per_s, 2 * Rounds / Seconds}, {check, Rounds}]).

ping(_, 0) -> ok;
ping(Ponger, N) ->
    Ponger ! {ping, self(), N},
    receive {pong, N} -> ping(Ponger, N - 1) end.

ponger() ->
    receive {ping, From, N} -> From ! {pong, N}, ponger() end.
