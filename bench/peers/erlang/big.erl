%% Everybody pings random others and answers everybody's pings.
-module(big).
-export([main/1]).

main(Args) ->
    [Members, Rounds] = bench:ints(Args),
    Main = self(),
    Pids = [spawn_link(fun() -> receive {start, All} -> member(All, Main, Rounds) end end)
            || _ <- lists:seq(1, Members)],
    All = list_to_tuple(Pids),
    Start = bench:now_ns(),
    [P ! {start, All} || P <- Pids],
    [receive done -> ok end || _ <- Pids],
    Seconds = bench:seconds_since(Start),
    Messages = 2 * Members * Rounds,
    bench:report([{messages_per_s, Messages / Seconds}, {check, Messages}]).

member(All, Main, 0) ->
    Main ! done,
    answer(All);
member(All, Main, Rounds) ->
    other(All) ! {ping, self()},
    await_pong(),
    member(All, Main, Rounds - 1).

other(All) ->
    case element(rand:uniform(tuple_size(All)), All) of
        Self when Self =:= self() -> other(All);
        Other -> Other
    end.

await_pong() ->
    receive
        {ping, From} -> From ! pong, await_pong();
        pong -> ok
    end.

answer(All) ->
    receive {ping, From} -> From ! pong, answer(All) end.
