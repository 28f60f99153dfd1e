%% A record of small parts per message, every part made for this message. The parts come from outside the module:
%% the compiler would make constants of them, and the runtime shares constants instead of copying them.
-module(table).
-export([main/1]).

main([Count0 | _]) ->
    Count = list_to_integer(Count0),
    Main = self(),
    Start = bench:now_ns(),
    Consumer = spawn_link(fun() -> consume(Main, Count, 0) end),
    Tags = [list_to_binary(T) || T <- string:tokens("a b c", " ")],
    [X, Y] = [list_to_float(F) || F <- string:tokens("1.5 2.5", " ")],
    spawn_link(fun() -> produce(Consumer, 1, Count, Tags, X, Y) end),
    Sum = receive {sum, S} -> S end,
    Seconds = bench:seconds_since(Start),
    bench:report([{messages_per_s, Count / Seconds}, {check, Sum}]).

produce(_, I, Count, _, _, _) when I > Count -> ok;
produce(Consumer, I, Count, [A, B, C] = Tags, X, Y) ->
    Consumer ! {record, #{id => I,
                          name => <<"worker-", (integer_to_binary(I))/binary>>,
                          tags => [binary:copy(A), binary:copy(B), binary:copy(C)],
                          nested => #{x => X, y => Y}}},
    produce(Consumer, I + 1, Count, Tags, X, Y).

consume(Main, 0, Sum) -> Main ! {sum, Sum};
consume(Main, Left, Sum) -> receive {record, #{id := Id}} -> consume(Main, Left - 1, Sum + Id) end.
