%% A parent, monitored workers, a stream of tasks; the parent has a time limit on the whole.
-module(pool).
-export([main/1]).

main(Args) ->
    [Tasks, Workers] = bench:ints(Args),
    Main = self(),
    Timeout = erlang:start_timer(60000, self(), too_late),
    Start = bench:now_ns(),
    Started = [begin
                   {Pid, _} = spawn_monitor(fun() -> worker(Main) end),
                   Pid
               end || _ <- lists:seq(1, Workers)],
    Next = lists:foldl(fun(Pid, I) -> give(Pid, I, Tasks) end, 1, Started),
    Sum = collect(Next, Tasks, Workers, Timeout, 0),
    Seconds = bench:seconds_since(Start),
    bench:report([{tasks_per_s, Tasks / Seconds}, {check, Sum}]).

give(Pid, I, Tasks) when I =< Tasks -> Pid ! {task, #{task_id => I, value => I * 10}}, I + 1;
give(Pid, I, _) -> Pid ! stop, I.

collect(_, _, 0, _, Sum) -> Sum;
collect(Next, Tasks, Running, Timeout, Sum) ->
    receive
        {done, Pid, #{task_id := _, result := Result}} ->
            collect(give(Pid, Next, Tasks), Tasks, Running, Timeout, Sum + Result);
        {'DOWN', _, process, _, normal} ->
            collect(Next, Tasks, Running - 1, Timeout, Sum);
        {timeout, Timeout, too_late} ->
            exit(too_late)
    end.

worker(Main) ->
    receive
        {task, #{task_id := Id, value := Value}} ->
            Main ! {done, self(), #{task_id => Id, result => Value * 2}},
            worker(Main);
        stop -> ok
    end.
