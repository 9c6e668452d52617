// One token's step of ChatGLM-6B for up to eight sequences. Compiled on the machine by NVRTC, without any header.
//
// Given with -D: HIDDEN (width of the model), HEADS, HEAD (width of a head, a power of two from 16 to 128), and AHEAD_16,
// AHEAD_8, AHEAD_4 (tiles of weights that a thread has under way).
//
// Matrices. A block takes 16 rows of the matrix; its warps share the columns and add up at the end. The product is made
// by tensor cores (m16n8k16): 16 rows of weights by 16 columns, times 16 numbers of up to eight sequences. Which of the
// 16 columns a thread feeds into which place does not matter as long as weights and inputs agree, so each thread reads
// 16 neighbouring bytes of weights and the inputs that belong to them, and nothing is shuffled.
//   Thread = 4 * g + t, g in 0..7, t in 0..3. It serves rows g and g + 8 of the weights, and sequence g of the inputs.
//   fp16  columns t * 8 ... t * 8 + 7 of every 32, from the matrix as it lies in the file
//   int8  the same columns, 16 bytes: for each four columns the four bytes of row g, then those of row g + 8
//   int4  columns t * 16 ... t * 16 + 15 of every 64, 16 bytes: a word holds four columns of both rows, a nibble each
// Integers become fp16 by putting them into the lowest bits of 1024 (exact), less the offset; scales come at the end.

typedef unsigned short half_t;
typedef unsigned int word;

#define WARP 32
#define FULL 0xffffffffu

__device__ __forceinline__ float to_float(half_t value) {
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value));
    return result;
}

__device__ __forceinline__ half_t to_half(float value) {
    half_t result;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result) : "f"(value));
    return result;
}

__device__ __forceinline__ word subtract2(word a, word b) {
    word result;
    asm("sub.f16x2 %0, %1, %2;" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

__device__ __forceinline__ word multiply_add2(word a, word b, word c) {
    word result;
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(result) : "r"(a), "r"(b), "r"(c));
    return result;
}

__device__ __forceinline__ word multiply2(word a, word b) {
    word result;
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

__device__ __forceinline__ word twice(half_t value) {
    return (word)value | ((word)value << 16);
}

// Weights are read once a token: they must not push the rest out of the near cache.
__device__ __forceinline__ uint4 read_once(const void* place) {
    uint4 result;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(result.x), "=r"(result.y), "=r"(result.z), "=r"(result.w) : "l"(place));
    return result;
}

// From the cache that all multiprocessors share: another one wrote it.
__device__ __forceinline__ float read_far(const float* place) {
    float result;
    asm volatile("ld.global.cg.f32 %0, [%1];" : "=f"(result) : "l"(place) : "memory");
    return result;
}

__device__ __forceinline__ void multiply_tiles(float* sum, word a0, word a1, word a2, word a3, word b0, word b1) {
#if __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#else
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3]) : "r"(a0), "r"(a1), "r"(b0));
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3]) : "r"(a2), "r"(a3), "r"(b1));
#endif
}

// Four columns of rows g and g + 8 from eight nibbles that hold the integer plus 8.
__device__ __forceinline__ void open_nibbles(word packed, word* a) {
    const word ones = 0x64006400u;               // 1024, 1024
    const word offset = 0x64086408u;             // 1032, 1032
    const word sixteenth = 0x2c002c00u;          // 1/16, 1/16
    const word high_offset = 0xd480d480u;        // -72, -72: (1024 + 16 n) / 16 - 72 = n - 8
    word shifted = packed >> 8;
    a[0] = subtract2((packed & 0x000f000fu) | ones, offset);
    a[1] = multiply_add2((packed & 0x00f000f0u) | ones, sixteenth, high_offset);
    a[2] = subtract2((shifted & 0x000f000fu) | ones, offset);
    a[3] = multiply_add2((shifted & 0x00f000f0u) | ones, sixteenth, high_offset);
}

// Two pairs of columns from four bytes that hold the integer plus 128.
__device__ __forceinline__ void open_bytes(word packed, word* low, word* high) {
    const word offset = 0x64806480u;             // 1152, 1152
    *low = subtract2(__byte_perm(packed, 0x64646464u, 0x4140), offset);
    *high = subtract2(__byte_perm(packed, 0x64646464u, 0x4342), offset);
}

enum { PLAIN, GELU, RESIDUAL };

// values (sequences, columns), out (sequences, rows); residual (sequences, rows) is multiplied by alpha and added.
template <int BITS, int KIND>
__device__ __forceinline__ void linear(const void* weights, const half_t* scales, const half_t* bias,
                                       const half_t* values, const half_t* residual, half_t* out,
                                       int rows, int columns, int sequences, float alpha) {
    extern __shared__ float partial[];           // (warps, 16, 8)
    const int STEP = BITS == 4 ? 64 : 32;        // columns a tile
    const int AHEAD = BITS == 16 ? AHEAD_16 : BITS == 8 ? AHEAD_8 : AHEAD_4;
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
    const int g = lane / 4, t = lane % 4;
    const int row = blockIdx.x * 16;
    const int tiles = columns / STEP;
    const bool feeds = g < sequences;
    float sum[4] = {0.f, 0.f, 0.f, 0.f};
    const half_t* inputs = values + (size_t)g * columns + t * (STEP / 4);
    const half_t* upper = (const half_t*)weights + (size_t)(row + g) * columns + t * 8;
    const half_t* lower = upper + (size_t)8 * columns;
    const char* packed = (const char*)weights + ((size_t)blockIdx.x * tiles * WARP + lane) * 16;

    for (int first = warp * AHEAD; first < tiles; first += warps * AHEAD) {
        uint4 weight[AHEAD];
        uint4 more[BITS == 16 ? AHEAD : 1];
        #pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            if (first + i < tiles) {
                if (BITS == 16) {
                    weight[i] = read_once(upper + (size_t)(first + i) * STEP);
                    more[BITS == 16 ? i : 0] = read_once(lower + (size_t)(first + i) * STEP);
                } else {
                    weight[i] = read_once(packed + (size_t)(first + i) * WARP * 16);
                }
            }
        }
        #pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            if (first + i < tiles) {
                uint4 b = make_uint4(0, 0, 0, 0), c = make_uint4(0, 0, 0, 0);
                const uint4* input = (const uint4*)(inputs + (first + i) * STEP);
                if (feeds) {
                    b = input[0];
                    if (BITS == 4) c = input[1];
                }
                if (BITS == 16) {
                    uint4 low = more[BITS == 16 ? i : 0];
                    multiply_tiles(sum, weight[i].x, low.x, weight[i].y, low.y, b.x, b.y);
                    multiply_tiles(sum, weight[i].z, low.z, weight[i].w, low.w, b.z, b.w);
                } else if (BITS == 8) {
                    word a0, a1, a2, a3;
                    open_bytes(weight[i].x, &a0, &a2);
                    open_bytes(weight[i].y, &a1, &a3);
                    multiply_tiles(sum, a0, a1, a2, a3, b.x, b.y);
                    open_bytes(weight[i].z, &a0, &a2);
                    open_bytes(weight[i].w, &a1, &a3);
                    multiply_tiles(sum, a0, a1, a2, a3, b.z, b.w);
                } else {
                    word a[4];
                    open_nibbles(weight[i].x, a);
                    multiply_tiles(sum, a[0], a[1], a[2], a[3], b.x, b.y);
                    open_nibbles(weight[i].y, a);
                    multiply_tiles(sum, a[0], a[1], a[2], a[3], b.z, b.w);
                    open_nibbles(weight[i].z, a);
                    multiply_tiles(sum, a[0], a[1], a[2], a[3], c.x, c.y);
                    open_nibbles(weight[i].w, a);
                    multiply_tiles(sum, a[0], a[1], a[2], a[3], c.z, c.w);
                }
            }
        }
    }
    float* mine = partial + warp * 128;
    mine[g * 8 + 2 * t] = sum[0];
    mine[g * 8 + 2 * t + 1] = sum[1];
    mine[(g + 8) * 8 + 2 * t] = sum[2];
    mine[(g + 8) * 8 + 2 * t + 1] = sum[3];
    __syncthreads();
    if (threadIdx.x >= 128) return;
    // Neighbouring threads write neighbouring rows.
    int r = threadIdx.x % 16, sequence = threadIdx.x / 16;
    if (sequence >= sequences) return;
    float total = 0.f;
    for (int w = 0; w < warps; w++) total += partial[w * 128 + r * 8 + sequence];
    if (BITS != 16) total *= to_float(scales[row + r]);
    if (bias) total += to_float(bias[row + r]);
    if (KIND == GELU) {
        // Upstream rounds the product to fp16 before the activation.
        float x = to_float(to_half(total));
        total = 0.5f * x * (1.f + tanhf(0.7978845608028654f * x * (1.f + 0.044715f * x * x)));
    }
    size_t place = (size_t)sequence * rows + row + r;
    if (KIND == RESIDUAL) total = to_float(to_half(total)) + alpha * to_float(residual[place]);
    out[place] = to_half(total);
}

#define LINEAR(BITS, KIND)                                                                                      \
    extern "C" __global__ void linear_##BITS##_##KIND(                                                          \
        const void* weights, const half_t* scales, const half_t* bias, const half_t* values,                    \
        const half_t* residual, half_t* out, int rows, int columns, int sequences, float alpha) {               \
        linear<BITS, KIND>(weights, scales, bias, values, residual, out, rows, columns, sequences, alpha);      \
    }
LINEAR(16, PLAIN)
LINEAR(16, GELU)
LINEAR(16, RESIDUAL)
LINEAR(8, PLAIN)
LINEAR(8, GELU)
LINEAR(8, RESIDUAL)
LINEAR(4, PLAIN)
LINEAR(4, GELU)
LINEAR(4, RESIDUAL)

// The matrix in fp16, row by row, for the prompt's pass; each number is the fp16 product of scale and integer.
template <int BITS>
__device__ __forceinline__ void open_matrix(const uint4* packed, const half_t* scales, half_t* out, int columns) {
    const int STEP = BITS == 4 ? 64 : 32;
    const int lane = threadIdx.x % WARP, g = lane / 4, t = lane % 4;
    const int tiles = columns / STEP;
    const int row = blockIdx.y * 16 + g;
    const int tile = blockIdx.x * (blockDim.x / WARP) + threadIdx.x / WARP;
    if (tile >= tiles) return;
    uint4 all = read_once(packed + ((size_t)blockIdx.y * tiles + tile) * WARP + lane);
    const word upper = twice(scales[row]), lower = twice(scales[row + 8]);
    // Sixteen bytes a write: a thread's columns of a row are neighbours.
    uint4* high = (uint4*)(out + (size_t)row * columns + tile * STEP + t * (STEP / 4));
    uint4* low = (uint4*)((half_t*)high + (size_t)8 * columns);
    const word words[4] = {all.x, all.y, all.z, all.w};
    #pragma unroll
    for (int i = 0; i < 4; i += 2) {
        word a[4], b[4];
        if (BITS == 4) {
            open_nibbles(words[i], a);
            open_nibbles(words[i + 1], b);
        } else {
            // Of each two words the first is of row g, the second of row g + 8.
            open_bytes(words[0], &a[0], &a[2]);
            open_bytes(words[1], &a[1], &a[3]);
            open_bytes(words[2], &b[0], &b[2]);
            open_bytes(words[3], &b[1], &b[3]);
        }
        if (BITS == 4 || i == 0) {
            high[i / 2] = make_uint4(multiply2(a[0], upper), multiply2(a[2], upper), multiply2(b[0], upper),
                                     multiply2(b[2], upper));
            low[i / 2] = make_uint4(multiply2(a[1], lower), multiply2(a[3], lower), multiply2(b[1], lower),
                                    multiply2(b[3], lower));
        }
    }
}

extern "C" __global__ void open_matrix_8(const uint4* packed, const half_t* scales, half_t* out, int columns) {
    open_matrix<8>(packed, scales, out, columns);
}

extern "C" __global__ void open_matrix_4(const uint4* packed, const half_t* scales, half_t* out, int columns) {
    open_matrix<4>(packed, scales, out, columns);
}

// A block a sequence; mean and variance in fp32 over fp16 numbers, eight of them a thread.
#define NORM_THREADS (HIDDEN / 8)

__device__ __forceinline__ void unpack8(uint4 packed, float* out) {
    const word words[4] = {packed.x, packed.y, packed.z, packed.w};
    #pragma unroll
    for (int i = 0; i < 4; i++) {
        out[2 * i] = to_float((half_t)(words[i] & 0xffff));
        out[2 * i + 1] = to_float((half_t)(words[i] >> 16));
    }
}

__device__ __forceinline__ word pair(float low, float high) {
    return (word)to_half(low) | ((word)to_half(high) << 16);
}

__device__ __forceinline__ void normalise(const half_t* in, const half_t* weight, const half_t* bias, half_t* out,
                                          float epsilon) {
    __shared__ float sums[WARP], squares[WARP];
    const int thread = threadIdx.x, warps = (NORM_THREADS + WARP - 1) / WARP;
    float held[8], factor[8], offset[8];
    unpack8(((const uint4*)in)[thread], held);
    unpack8(((const uint4*)weight)[thread], factor);
    unpack8(((const uint4*)bias)[thread], offset);
    float sum = 0.f, square = 0.f;
    #pragma unroll
    for (int i = 0; i < 8; i++) sum += held[i];
    // The squares are those of the distance from one of the numbers: they stay small where the mean is large.
    const float middle = to_float(in[0]);
    #pragma unroll
    for (int i = 0; i < 8; i++) square += (held[i] - middle) * (held[i] - middle);
    #pragma unroll
    for (int distance = WARP / 2; distance; distance /= 2) {
        sum += __shfl_xor_sync(__activemask(), sum, distance);
        square += __shfl_xor_sync(__activemask(), square, distance);
    }
    if (thread % WARP == 0) {
        sums[thread / WARP] = sum;
        squares[thread / WARP] = square;
    }
    __syncthreads();
    sum = square = 0.f;
    #pragma unroll
    for (int w = 0; w < warps; w++) {
        sum += sums[w];
        square += squares[w];
    }
    const float mean = sum / HIDDEN, off = mean - middle;
    const float inverse = rsqrtf(fmaxf(square / HIDDEN - off * off, 0.f) + epsilon);
    #pragma unroll
    for (int i = 0; i < 8; i++) held[i] = (held[i] - mean) * inverse * factor[i] + offset[i];
    ((uint4*)out)[thread] =
        make_uint4(pair(held[0], held[1]), pair(held[2], held[3]), pair(held[4], held[5]), pair(held[6], held[7]));
}

extern "C" __global__ void norm_embedded(const half_t* embedding, const int* tokens, const half_t* weight,
                                         const half_t* bias, half_t* out, float epsilon) {
    normalise(embedding + (size_t)tokens[blockIdx.x] * HIDDEN, weight, bias, out + blockIdx.x * HIDDEN, epsilon);
}

extern "C" __global__ void norm_rows(const half_t* in, const half_t* weight, const half_t* bias, half_t* out,
                                     float epsilon) {
    normalise(in + blockIdx.x * HIDDEN, weight, bias, out + blockIdx.x * HIDDEN, epsilon);
}

// Attention of one new token a sequence. Block = (head, part, sequence): the places are shared among the parts, and the
// part that ends last adds all up. The block whose places hold the new token writes its key and value first.
//
// A group of LANES threads holds one key, eight numbers each.
#define LANES (HEAD / 8)
#define KEYS_AHEAD 4
#define PART_PLACES 64
#define MOST_PARTS 16
#define ATTENTION_THREADS 128
#define GROUPS (ATTENTION_THREADS / LANES)
#define QUARTER (HEAD / 4)

// Number `place` of a query or key, turned to its position: the first half of a head by the one, the second by the other.
__device__ __forceinline__ float turned(const half_t* in, int place, const half_t* cosines, const half_t* sines,
                                        int position, int block) {
    int inside = place % (HEAD / 2), at = place < HEAD / 2 ? position : block;
    int turn = at * QUARTER + inside % QUARTER;
    float other = to_float(inside < QUARTER ? in[place + QUARTER] : in[place - QUARTER]);
    float value = to_float(in[place]) * to_float(cosines[turn]);
    return inside < QUARTER ? value - other * to_float(sines[turn]) : value + other * to_float(sines[turn]);
}

extern "C" __global__ void attention(const half_t* mixed, half_t* keys, half_t* values, const half_t* cosines,
                                     const half_t* sines, const int* starts, const int* counts, const int* positions,
                                     const int* blocks, float* partials, int* arrivals, half_t* out, int places,
                                     float scale) {
    const int head = blockIdx.x, part = blockIdx.y, parts = gridDim.y, sequence = blockIdx.z;
    const int thread = threadIdx.x, lane = thread % LANES, group = thread / LANES;
    const int count = counts[sequence], length = count + 1;
    // A short past is not worth many parts: adding them up takes longer than reading it.
    const int busy = min(parts, (length + PART_PLACES - 1) / PART_PLACES);
    if (part >= busy) return;
    const int each = (length + busy - 1) / busy;
    const int first = part * each, last = min(first + each, length);
    __shared__ float query[HEAD];
    __shared__ float group_max[GROUPS], group_sum[GROUPS], group_out[GROUPS][HEAD];
    __shared__ int arrived;

    const half_t* own = mixed + ((size_t)sequence * HEADS + head) * 3 * HEAD;
    size_t base = ((size_t)head * places + starts[sequence]) * HEAD;
    int position = positions[sequence], block = blocks[sequence];
    bool holds_new = first <= count && count < last;
    for (int i = thread; i < HEAD; i += ATTENTION_THREADS) {
        query[i] = to_float(to_half(turned(own, i, cosines, sines, position, block))) * scale;
        if (holds_new) {
            keys[base + (size_t)count * HEAD + i] = to_half(turned(own + HEAD, i, cosines, sines, position, block));
            values[base + (size_t)count * HEAD + i] = own[2 * HEAD + i];
        }
    }
    __syncthreads();

    float mine[8], sums[8] = {0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f};
    #pragma unroll
    for (int i = 0; i < 8; i++) mine[i] = query[lane * 8 + i];
    float most = -1e30f, weight_sum = 0.f;
    // All groups of a warp go round equally often: they exchange their sums. Several keys are under way at a time.
    for (int round = first; round < last; round += GROUPS * KEYS_AHEAD) {
        uint4 held_keys[KEYS_AHEAD], held_values[KEYS_AHEAD];
        #pragma unroll
        for (int i = 0; i < KEYS_AHEAD; i++) {
            int place = min(round + i * GROUPS + group, last - 1);
            held_keys[i] = *(const uint4*)(keys + base + (size_t)place * HEAD + lane * 8);
            held_values[i] = *(const uint4*)(values + base + (size_t)place * HEAD + lane * 8);
        }
        #pragma unroll
        for (int i = 0; i < KEYS_AHEAD; i++) {
            float key[8], value[8], score = 0.f;
            unpack8(held_keys[i], key);
            #pragma unroll
            for (int j = 0; j < 8; j++) score += mine[j] * key[j];
            #pragma unroll
            for (int distance = LANES / 2; distance; distance /= 2) score += __shfl_xor_sync(FULL, score, distance);
            if (round + i * GROUPS + group < last) {
                unpack8(held_values[i], value);
                float now = fmaxf(most, score);
                float old = __expf(most - now), weight = __expf(score - now);
                weight_sum = weight_sum * old + weight;
                #pragma unroll
                for (int j = 0; j < 8; j++) sums[j] = sums[j] * old + weight * value[j];
                most = now;
            }
        }
    }
    if (lane == 0) {
        group_max[group] = most;
        group_sum[group] = weight_sum;
    }
    #pragma unroll
    for (int i = 0; i < 8; i++) group_out[group][lane * 8 + i] = sums[i];
    __syncthreads();

    float top = -1e30f, total_weight = 0.f;
    #pragma unroll
    for (int j = 0; j < GROUPS; j++) top = fmaxf(top, group_max[j]);
    #pragma unroll
    for (int j = 0; j < GROUPS; j++) total_weight += group_sum[j] * __expf(group_max[j] - top);
    half_t* result = out + ((size_t)sequence * HEADS + head) * HEAD;
    // (sequence, head, part): maximum, sum, then the numbers.
    float* rows = partials + ((size_t)sequence * HEADS + head) * parts * (HEAD + 2);
    float* row = rows + part * (HEAD + 2);
    for (int i = thread; i < HEAD; i += ATTENTION_THREADS) {
        float total = 0.f;
        #pragma unroll
        for (int j = 0; j < GROUPS; j++) total += group_out[j][i] * __expf(group_max[j] - top);
        if (busy == 1) result[i] = to_half(total / total_weight);
        else row[2 + i] = total;
    }
    if (busy == 1) return;
    if (thread == 0) {
        row[0] = top;
        row[1] = total_weight;
    }
    __threadfence();
    __syncthreads();
    if (thread == 0) arrived = atomicAdd(arrivals + sequence * HEADS + head, 1);
    __syncthreads();
    if (arrived != busy - 1) return;
    __threadfence();
    if (thread == 0) arrivals[sequence * HEADS + head] = 0;
    float tops[MOST_PARTS], weights[MOST_PARTS];
    #pragma unroll
    for (int p = 0; p < MOST_PARTS; p++) {
        tops[p] = p < busy ? read_far(rows + p * (HEAD + 2)) : -1e30f;
        weights[p] = p < busy ? read_far(rows + p * (HEAD + 2) + 1) : 0.f;
    }
    top = -1e30f;
    #pragma unroll
    for (int p = 0; p < MOST_PARTS; p++) top = fmaxf(top, tops[p]);
    total_weight = 0.f;
    #pragma unroll
    for (int p = 0; p < MOST_PARTS; p++) {
        tops[p] = weights[p] > 0.f ? __expf(tops[p] - top) : 0.f;
        total_weight += weights[p] * tops[p];
    }
    for (int i = thread; i < HEAD; i += ATTENTION_THREADS) {
        float numbers[MOST_PARTS], total = 0.f;
        #pragma unroll
        for (int p = 0; p < MOST_PARTS; p++) numbers[p] = p < busy ? read_far(rows + p * (HEAD + 2) + 2 + i) : 0.f;
        #pragma unroll
        for (int p = 0; p < MOST_PARTS; p++) total += tops[p] > 0.f ? numbers[p] * tops[p] : 0.f;
        result[i] = to_half(total / total_weight);
    }
}
