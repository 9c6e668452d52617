// Upstream's two loops of its quantised layers, in upstream's shape (a block a row, threads over its bytes), for cards
// that the machine code inside its quantization.py does not cover: a Hopper refuses it.
extern "C" __global__ void int4WeightCompression(const signed char* in, signed char* out, int n, int m) {
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        const signed char* pair = in + ((size_t)blockIdx.x * m + i) * 2;
        out[(size_t)blockIdx.x * m + i] = (signed char)((pair[0] << 4) | (pair[1] & 15));
    }
}

__device__ unsigned short scaled(unsigned short scale, int value) {
    float wide;
    unsigned short result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(scale));
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result) : "f"(wide * value));
    return result;
}

extern "C" __global__ void int4WeightExtractionHalf(const signed char* in, const unsigned short* scale,
                                                    unsigned short* out, int n, int m) {
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        signed char both = in[(size_t)blockIdx.x * m + i];
        unsigned short* pair = out + ((size_t)blockIdx.x * m + i) * 2;
        pair[0] = scaled(scale[blockIdx.x], both >> 4);
        pair[1] = scaled(scale[blockIdx.x], (signed char)(both << 4) >> 4);
    }
}

extern "C" __global__ void int8WeightExtractionHalf(const signed char* in, const unsigned short* scale,
                                                    unsigned short* out, int n, int m) {
    for (int i = threadIdx.x; i < m; i += blockDim.x)
        out[(size_t)blockIdx.x * m + i] = scaled(scale[blockIdx.x], in[(size_t)blockIdx.x * m + i]);
}
