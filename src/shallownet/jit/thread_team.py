"""Threads that work on one run together, step by step, without being started anew for each.

The work is a row of phases, each of some tasks; a phase begins when all tasks of the one before are done. Threads
claim tasks one by one, each its own first and then those that another has not yet begun. Nothing is ever waited
for but a task that a running thread has claimed: a thread that comes late, or never, leaves its tasks to the others.
So a team is complete with any number of threads, also with one.

A thread that comes late is still in a phase that the others have left: what it reads then, they may be changing. So
whoever writes the work of a team keeps to these rules:

1. Which phases there are, and how many tasks each has, is known before the call from sizes alone, never from data.
2. A thread reads and writes shared memory only in a task that it has claimed and not yet said to be ``done``. Without
   a claim it may read what no task of the call writes, and the state of the team.
3. Two tasks of one phase never write the same memory, nor does one read what the other writes.
4. What is found out in a task, and matters later, is written to shared memory, and read in tasks of later phases.
5. A call ends early only by ``end_after``, in a task, and ``ended``, after the ``wait`` of that phase.

A thread that has waited too often, because another was taken off its CPU, can end the call for all after the phase
in which it has a task: no other thread can be beyond that phase, so all end at the same place.

The state of a team is an array of 64-bit integers: the phase after which the call ends, for each thread the number of
tasks that it has done in the call, and for each task the last phase in which it was claimed; each has a cache line of
its own.
"""

import os
import platform

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .compiling import ZERO, routine

LINE = 16  # numbers from one counter to the next: two cache lines, as CPUs fetch them in pairs
SHORT_SPINS = 50  # turns of waiting, about a microsecond, before a thread looks for tasks of others
SPINS = 20_000  # turns of waiting, some tenths of a millisecond, before the CPU is offered to other threads
MOST_WAITS = 32  # offers of a thread in a call, of up to some milliseconds each, before it ends the call
NEVER = 2**62

# LLVM's names of the instruction that says "this thread waits", with its operands
_X86, _ARM = ("llvm.x86.sse2.pause",), ("llvm.aarch64.hint", 1)
_PAUSE = {"x86_64": _X86, "AMD64": _X86, "aarch64": _ARM, "arm64": _ARM, "ARM64": _ARM}.get(platform.machine())
_yield = types.ExternalFunction("sched_yield" if hasattr(os, "sched_yield") else "SwitchToThread", types.int32())


@intrinsic
def fetch(typingctx, p, index):
    """Return p[index] with all that was written before another thread set it."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(builder.gep(args[0], [args[1]]), "acquire", 8)

    return types.int64(p, types.intp), codegen


@intrinsic
def publish(typingctx, p, index, value):
    """Set p[index] and show other threads all that was written before."""

    def codegen(context, builder, sig, args):
        p, index, value = args
        builder.store_atomic(value, builder.gep(p, [index]), "release", 8)
        return context.get_dummy_value()

    return types.none(p, types.intp, types.int64), codegen


@intrinsic
def replace(typingctx, p, index, old, new):
    """Set p[index] to ``new`` and return True if it is ``old``."""

    def codegen(context, builder, sig, args):
        p, index, old, new = args
        result = builder.cmpxchg(builder.gep(p, [index]), old, new, "acq_rel", "acquire")
        return builder.extract_value(result, 1)

    return types.boolean(p, types.intp, types.int64, types.int64), codegen


@intrinsic
def pause(typingctx):
    """Tell the CPU that this thread waits."""

    def codegen(context, builder, sig, args):
        if _PAUSE is not None:
            name, *operands = _PAUSE
            number = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [number] * len(operands))
            function = cgutils.get_or_insert_function(builder.module, kind, name)
            builder.call(function, [ir.Constant(number, operand) for operand in operands])
        return context.get_dummy_value()

    return types.none(), codegen


@routine
def begin(team, threads, tasks):
    """Begin a call of so many threads, whose phases have at most so many tasks. OUT team."""
    for i in range(0, (1 + threads + tasks) * LINE, LINE):
        team[i] = 0
    team[0] = NEVER


@routine
def claim(team, threads, task, phase):
    """Return whether the calling thread is the one to do this task of this phase. INOUT team."""
    if threads == 1:
        return True
    position = (1 + threads + task) * LINE
    last = fetch(team, position)
    return last < phase and replace(team, position, last, phase)


@routine
def done(team, thread, threads):
    """Say that the calling thread has done a task that it claimed. INOUT team."""
    if threads > 1:
        position = (1 + thread) * LINE
        publish(team, position, team[position] + 1)


@routine
def all_done(team, threads, tasks):
    """Return whether so many tasks of the call are done."""
    count = 0
    for thread in range(threads):
        count += fetch(team, (1 + thread) * LINE)
    return count >= tasks


@routine
def spin_until_done(team, threads, tasks):
    """Return whether so many tasks of the call are done within a moment."""
    spins = 0
    while spins < SHORT_SPINS and not all_done(team, threads, tasks):
        pause()
        spins += 1
    return spins < SHORT_SPINS


@routine
def wait(team, threads, tasks):
    """Wait until so many tasks of the call are done; return how often the CPU was offered to other threads."""
    spins = 0
    while threads > 1 and not all_done(team, threads, tasks):
        pause()
        spins += 1
        if spins % SPINS == 0:
            _yield()
    return spins // SPINS


@routine
def end_after(team, phase):
    """Let the call end after this phase, in which the calling thread has claimed a task. INOUT team."""
    publish(team, ZERO, phase)


@routine
def ended(team, threads, phase):
    """Return whether the call ends after this phase, whose tasks are all done."""
    return threads > 1 and fetch(team, 0) <= phase
