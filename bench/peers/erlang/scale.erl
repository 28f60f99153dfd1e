%% Many pairs at once, each with its share of the round trips.
-module(scale).
-export([main/1]).

main(Args) ->
    [Pairs, Total] = bench:ints(Args),
    Rounds = Total div Pairs,
    Main = self(),
    Pingers = [begin
                   Ponger = spawn_link(fun ponger/0),
                   spawn_link(fun() -> receive start -> ping(Ponger, Main, Rounds) end end)
               end || _ <- lists:seq(1, Pairs)],
    Start = bench:now_ns(),
    [P ! start || P <- Pingers],
    [receive done -> ok end || _ <- Pingers],
    Seconds = bench:seconds_since(Start),
    Messages = 2 * Rounds * Pairs,
    bench:report([{messages_per_s, Messages / Seconds}, {check, Messages}]).

ping(_, Main, 0) -> Main ! done;
ping(Ponger, Main, N) ->
    Ponger ! {ping, self(), N},
    receive {pong, N} -> ping(Ponger, Main, N - 1) end.

ponger() ->
    receive {ping, From, N} -> From ! {pong, N}, ponger() end.
