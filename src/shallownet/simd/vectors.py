"""SIMD registers as Numba types: lanes, masks, and blocks of lanes.

``Lanes`` is one register block: the 64 bytes that hold 16 float32 or 8 float64 numbers. LLVM maps it to one
AVX-512 register, two of AVX2 or four of NEON. ``Block`` is several of them, one below the other: the
accumulators of a matrix product, kept in registers. ``Mask`` is the truth value of each lane.

Arithmetic is exactly what is written: no flag lets LLVM reorder a sum or drop a NaN, so a result depends on
the order of the operations here and on nothing else. ``fma`` and the block products are fused to one rounding
on every CPU that has the instruction.

Kernels reach memory through plain pointers, which Numba types as ``CPointer``; ``p[i]`` reads and writes one
number. Numba's own arrays add a wrap-around test to each index, which costs an inner loop half of its speed, and
reference counts to each call, which cost seconds of compilation. Nothing here tests bounds.
"""

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, codegen, config, types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

REGISTER_BITS = 512
REGISTER_BYTES = REGISTER_BITS // 8
INDEX = ir.IntType(32)


def _has(feature, register):
    """Return whether the processor that Numba compiles for has a feature, on which a kind of register depends."""
    given = config.CPU_FEATURES is not None
    features = (config.CPU_FEATURES if given else codegen.get_host_cpu_features()).split(",")
    stated = [name[0] == "+" for name in features if name[1:] == feature]
    if stated or not given:
        return stated[-1:] == [True]
    # a feature that is not listed follows from the processor's name, so look at how LLVM would add as many numbers
    llvm = llvmlite.binding
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    machine = target.create_target_machine(config.CPU_NAME or llvm.get_host_cpu_name(), config.CPU_FEATURES)
    numbers = f"<{16 if register == 'zmm' else 8} x i32>"
    body = f"define {numbers} @f({numbers} %x) {{ %y = add {numbers} %x, %x ret {numbers} %y }}"
    return register in machine.emit_assembly(llvm.parse_assembly(body))


WIDE = _has("avx512f", "zmm")  # there are 32 registers of 512 bits, rather than 16 of 256
MASKED = _has("avx2", "ymm")  # one instruction loads some lanes of a register


class Lanes(types.Type):
    """The numbers of one dtype that fit a register block: ``count`` of them."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.count = REGISTER_BITS // dtype.bitwidth
        super().__init__(name=f"Lanes({self.count} x {dtype})")


class Mask(types.Type):
    """The truth value of each of ``count`` lanes."""

    def __init__(self, count):
        self.count = count
        super().__init__(name=f"Mask({count})")


class Block(types.Type):
    """``rows`` register blocks, one below the other."""

    def __init__(self, lanes, rows):
        self.lanes = lanes
        self.rows = rows
        super().__init__(name=f"Block({rows} x {lanes})")


def vector_of(lanes):
    """Return the LLVM type of a Lanes type."""
    element = ir.FloatType() if lanes.dtype.bitwidth == 32 else ir.DoubleType()
    return ir.VectorType(element, lanes.count)


def bits_of(vector):
    """Return the size in bits of a vector's numbers."""
    return 32 if isinstance(vector.element, ir.FloatType) else 64


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, vector_of(fe_type))


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.VectorType(ir.IntType(1), fe_type.count))


@register_model(Block)
class _BlockModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.ArrayType(vector_of(fe_type.lanes), fe_type.rows))


# Helpers of the intrinsics in this package: each emits a few LLVM instructions.


def load_at(builder, pointer, vector):
    """Load a vector whose address is a multiple of the size of one number."""
    value = builder.load(builder.bitcast(pointer, vector.as_pointer()))
    value.align = bits_of(vector) // 8
    return value


def store_at(builder, value, pointer):
    """Store a vector at an address that is a multiple of the size of one number."""
    instruction = builder.store(value, builder.bitcast(pointer, value.type.as_pointer()))
    instruction.align = bits_of(value.type) // 8


def _mask(builder, vector, count):
    """Return the mask of the first ``count`` lanes of a vector: of all if there are fewer, of none if count <= 0."""
    number = ir.IntType(32)
    lanes = ir.Constant(ir.VectorType(number, vector.count), list(range(vector.count)))
    return builder.icmp_signed("<", lanes, splat_of(builder, builder.trunc(count, number), lanes.type))


def load_few_at(builder, pointer, vector, count, align=None):
    """Load the first ``count`` numbers of a vector and fill the rest with zeros; nothing else is read."""
    mask = _mask(builder, vector, count)
    address = builder.bitcast(pointer, vector.as_pointer())
    name = f"llvm.masked.load.v{vector.count}f{bits_of(vector)}.p0"
    number = ir.IntType(32)
    kind = ir.FunctionType(vector, [address.type, number, mask.type, vector])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    align = align or bits_of(vector) // 8
    return builder.call(function, [address, number(align), mask, ir.Constant(vector, None)])


def splat_of(builder, scalar, vector):
    """Return a vector with the scalar in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(INDEX, 0))
    return shuffle(builder, first, undefined, [0] * vector.count)


def shuffle(builder, a, b, lanes):
    """Return the given lanes of a followed by b."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INDEX, len(lanes)), lanes))


def call_vector(builder, name, *values):
    """Call the LLVM intrinsic ``name`` on vectors of one type."""
    vector = values[0].type
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(vector, [vector] * len(values)),
        f"llvm.{name}.v{vector.count}f{bits_of(vector)}",
    )
    return builder.call(function, values)


# Pointers, loads and stores.


@intrinsic
def pointer(typingctx, array):
    """Return the address of an array's first number."""
    kind = types.CPointer(array.dtype)

    def codegen(context, builder, sig, args):
        return context.make_array(array)(context, builder, args[0]).data

    return kind(array), codegen


@intrinsic
def align_up(typingctx, array):
    """Return the first address within an array that is a multiple of the size of a register block, a cache line."""
    kind = types.CPointer(array.dtype)

    def codegen(context, builder, sig, args):
        data = context.make_array(array)(context, builder, args[0]).data
        number = context.get_value_type(types.intp)
        last = builder.add(builder.ptrtoint(data, number), ir.Constant(number, REGISTER_BYTES - 1))
        return builder.inttoptr(builder.and_(last, ir.Constant(number, -REGISTER_BYTES)), data.type)

    return kind(array), codegen


@intrinsic
def keep_alive(typingctx, arrays):
    """Keep arrays alive until here: Numba frees an array after its last use, and does not see that of a pointer."""

    def codegen(context, builder, sig, args):
        return context.get_dummy_value()

    return types.none(arrays), codegen


@intrinsic
def pointer_at(typingctx, address, like):
    """Return an address as a pointer to the dtype of the array ``like``."""
    kind = types.CPointer(like.dtype)

    def codegen(context, builder, sig, args):
        return builder.inttoptr(args[0], context.get_value_type(kind))

    return kind(address, like), codegen


@intrinsic
def integers_at(typingctx, address):
    """Return an address as a pointer to int64 numbers."""
    kind = types.CPointer(types.int64)

    def codegen(context, builder, sig, args):
        return builder.inttoptr(args[0], context.get_value_type(kind))

    return kind(address), codegen


@intrinsic
def offset(typingctx, p, distance):
    """Return the pointer to p[distance]."""

    def codegen(context, builder, sig, args):
        return builder.gep(args[0], [args[1]])

    return p(p, types.intp), codegen


@intrinsic(prefer_literal=True)
def pointers(typingctx, addresses, count, like):
    """Return ``count`` (a constant) addresses from an array as a tuple of pointers to the dtype of ``like``."""
    kind = types.UniTuple(types.CPointer(like.dtype), count.literal_value)

    def codegen(context, builder, sig, args):
        data = context.make_array(addresses)(context, builder, args[0]).data
        values = [builder.load(cgutils.gep(builder, data, i)) for i in range(kind.count)]
        target = context.get_value_type(kind.dtype)
        return context.make_tuple(builder, kind, [builder.inttoptr(value, target) for value in values])

    return kind(addresses, count, like), codegen


@intrinsic(prefer_literal=True)
def numbers(typingctx, array, count):
    """Return the first ``count`` (a constant) numbers of an array as a tuple."""
    kind = types.UniTuple(array.dtype, count.literal_value)

    def codegen(context, builder, sig, args):
        data = context.make_array(array)(context, builder, args[0]).data
        values = [builder.load(cgutils.gep(builder, data, i)) for i in range(kind.count)]
        return context.make_tuple(builder, kind, values)

    return kind(array, count), codegen


@intrinsic
def lane_count(typingctx, p):
    """Return the number of lanes that hold numbers of the pointer's dtype, a constant."""
    count = REGISTER_BITS // p.dtype.bitwidth

    def codegen(context, builder, sig, args):
        return context.get_constant(types.intp, count)

    return types.intp(p), codegen


@intrinsic
def load(typingctx, p, index):
    """Return the lanes at p[index]."""
    lanes = Lanes(p.dtype)

    def codegen(context, builder, sig, args):
        return load_at(builder, builder.gep(args[0], [args[1]]), vector_of(lanes))

    return lanes(p, types.intp), codegen


@intrinsic
def store(typingctx, p, index, value):
    """Set the lanes at p[index]."""

    def codegen(context, builder, sig, args):
        store_at(builder, args[2], builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.none(p, types.intp, value), codegen


def _prefetch(builder, pointer, write):
    """Prefetch the cache line of a pointer, which may be invalid."""
    in_all_caches, data = 3, 1
    flags = [ir.Constant(ir.IntType(32), number) for number in (write, in_all_caches, data)]
    operands = [builder.bitcast(pointer, ir.PointerType()), *flags]
    kind = ir.FunctionType(ir.VoidType(), [operand.type for operand in operands])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0"), operands)


@intrinsic
def prefetch_write(typingctx, p, index):
    """Prefetch the cache line of p[index] for writing: another CPU may hold a copy. The address may be invalid."""

    def codegen(context, builder, sig, args):
        _prefetch(builder, builder.gep(args[0], [args[1]]), write=1)
        return context.get_dummy_value()

    return types.none(p, types.intp), codegen


@intrinsic
def prefetch_read(typingctx, address):
    """Prefetch the cache line of a byte address for reading."""

    def codegen(context, builder, sig, args):
        _prefetch(builder, builder.inttoptr(args[0], ir.IntType(8).as_pointer()), write=0)
        return context.get_dummy_value()

    return types.none(types.intp), codegen


@intrinsic
def read(typingctx, address, p):
    """Return the number of the pointer's dtype at a byte address, aligned or not."""

    def codegen(context, builder, sig, args):
        value = builder.load(builder.inttoptr(args[0], args[1].type))
        value.align = 1
        return value

    return p.dtype(types.intp, p), codegen


@intrinsic
def read_lanes(typingctx, address, p):
    """Return the lanes of the pointer's dtype at a byte address, aligned or not."""
    lanes = Lanes(p.dtype)

    def codegen(context, builder, sig, args):
        value = builder.load(builder.inttoptr(args[0], vector_of(lanes).as_pointer()))
        value.align = 1
        return value

    return lanes(types.intp, p), codegen


@intrinsic
def copy_few(typingctx, address, p, index, count):
    """Copy ``count`` numbers, at most as many as lanes, from a byte address to p[index:], touching nothing else."""
    vector = vector_of(Lanes(p.dtype))

    def codegen(context, builder, sig, args):
        address, p, index, count = args
        value = load_few_at(builder, builder.inttoptr(address, vector.as_pointer()), vector, count, align=1)
        target = builder.bitcast(builder.gep(p, [index]), vector.as_pointer())
        number, mask = ir.IntType(32), _mask(builder, vector, count)
        name = f"llvm.masked.store.v{vector.count}f{bits_of(vector)}.p0"
        storing = ir.FunctionType(ir.VoidType(), [vector, target.type, number, mask.type])
        store = cgutils.get_or_insert_function(builder.module, storing, name)
        builder.call(store, [value, target, number(1), mask])
        return context.get_dummy_value()

    return types.none(types.intp, p, types.intp, types.intp), codegen


@intrinsic
def splat(typingctx, like, value):
    """Return lanes that all hold ``value``, of the dtype of ``like``, which is a pointer or lanes."""
    lanes = Lanes(like.dtype)

    def codegen(context, builder, sig, args):
        scalar = context.cast(builder, args[1], sig.args[1], lanes.dtype)
        return splat_of(builder, scalar, vector_of(lanes))

    return lanes(like, value), codegen
