// JNI of org.longform.kernels.device.cpu.CpuNative: addresses pass as longs, nothing is copied but
// the few words of an error.
#include <jni.h>

#include "../kernels.h"

namespace {

template <typename T>
T *pointer(jlong address) {
  return reinterpret_cast<T *>(static_cast<intptr_t>(address));
}

kernels_device *device_of(jlong address) { return pointer<kernels_device>(address); }

jstring text(JNIEnv *env, const char *chars) { return chars == nullptr ? nullptr : env->NewStringUTF(chars); }

}  // namespace

#define NATIVE(type, name) extern "C" JNIEXPORT type JNICALL Java_org_longform_kernels_device_cpu_CpuNative_##name

NATIVE(jint, abi)(JNIEnv *, jclass) { return kernels_abi(); }

NATIVE(jstring, lastError)(JNIEnv *env, jclass) { return text(env, kernels_last_error()); }

NATIVE(jint, isaCount)(JNIEnv *, jclass) { return kernels_isa_count(); }

NATIVE(jstring, isaName)(JNIEnv *env, jclass, jint isa) { return text(env, kernels_isa_name(isa)); }

NATIVE(jstring, isaMissing)(JNIEnv *env, jclass, jint isa) { return text(env, kernels_isa_missing(isa)); }

NATIVE(jlong, open)(JNIEnv *, jclass, jint isa, jint threads) {
  kernels_device *device = nullptr;
  return kernels_open(isa, threads, &device) == KERNELS_OK ? static_cast<jlong>(reinterpret_cast<intptr_t>(device)) : 0;
}

NATIVE(void, close)(JNIEnv *, jclass, jlong device) { kernels_close(device_of(device)); }

NATIVE(void, enter)(JNIEnv *, jclass, jlong device) { kernels_enter(device_of(device)); }

NATIVE(void, leave)(JNIEnv *, jclass, jlong device) { kernels_leave(device_of(device)); }

NATIVE(void, prefetch)(JNIEnv *, jclass, jlong from, jlong bytes) { kernels_prefetch(pointer<void>(from), bytes); }

NATIVE(jlong, largeAllocate)(JNIEnv *, jclass, jlong bytes) {
  return reinterpret_cast<jlong>(kernels_large_allocate(bytes));
}

NATIVE(void, largeRelease)(JNIEnv *, jclass, jlong memory, jlong bytes) {
  kernels_large_release(pointer<void>(memory), bytes);
}

NATIVE(void, forget)(JNIEnv *, jclass, jlong from, jlong bytes) { kernels_forget(pointer<void>(from), bytes); }

NATIVE(jint, gather)
(JNIEnv *, jclass, jlong device, jlong table, jint dtype, jlong inner, jlong ids, jlong tokens, jlong out) {
  return kernels_gather(device_of(device), pointer<void>(table), dtype, inner, pointer<int32_t>(ids), tokens,
                        pointer<float>(out));
}

NATIVE(jint, addBias)(JNIEnv *, jclass, jlong device, jlong x, jlong bias, jlong tokens, jlong outer) {
  return kernels_add_bias(device_of(device), pointer<float>(x), pointer<float>(bias), tokens, outer);
}

NATIVE(jint, add)(JNIEnv *, jclass, jlong device, jlong x, jlong y, jlong elements) {
  return kernels_add(device_of(device), pointer<float>(x), pointer<float>(y), elements);
}

NATIVE(jint, rmsNorm)
(JNIEnv *, jclass, jlong device, jlong x, jlong gain, jdouble epsilon, jlong tokens, jlong inner, jlong out) {
  return kernels_rms_norm(device_of(device), pointer<float>(x), pointer<float>(gain), epsilon, tokens, inner,
                          pointer<float>(out));
}

NATIVE(jint, center)(JNIEnv *, jclass, jlong device, jlong x, jlong tokens, jlong inner, jlong out) {
  return kernels_center(device_of(device), pointer<float>(x), tokens, inner, pointer<float>(out));
}

NATIVE(jint, swiGlu)(JNIEnv *, jclass, jlong device, jlong gate, jlong up, jlong elements) {
  return kernels_swi_glu(device_of(device), pointer<float>(gate), pointer<float>(up), elements);
}

NATIVE(jint, multiply)(JNIEnv *, jclass, jlong device, jlong x, jlong y, jlong elements) {
  return kernels_multiply(device_of(device), pointer<float>(x), pointer<float>(y), elements);
}

NATIVE(jint, map)(JNIEnv *, jclass, jlong device, jint function, jdouble parameter, jlong x, jlong elements) {
  return kernels_map(device_of(device), function, parameter, pointer<float>(x), elements);
}

NATIVE(jint, matmul)
(JNIEnv *, jclass, jlong device, jlong x, jlong tokens, jlong inner, jlong products, jlong count) {
  return kernels_matmul(device_of(device), pointer<float>(x), tokens, inner, pointer<kernels_product>(products), count);
}

NATIVE(jint, store)
(JNIEnv *, jclass, jlong device, jlong layout, jlong keys, jlong values, jlong places, jlong count) {
  return kernels_store(device_of(device), pointer<kernels_kv_layout>(layout), pointer<float>(keys), pointer<float>(values),
                       pointer<kernels_place>(places), count);
}

NATIVE(jint, attend)(JNIEnv *, jclass, jlong device, jlong attention) {
  return kernels_attend(device_of(device), pointer<kernels_attention>(attention));
}

NATIVE(jint, topKeys)(JNIEnv *, jclass, jlong device, jlong request) {
  return kernels_top_keys(device_of(device), pointer<kernels_top_keys_request>(request));
}

NATIVE(jint, keyScores)(JNIEnv *, jclass, jlong device, jlong request) {
  return kernels_key_scores(device_of(device), pointer<kernels_key_scores_request>(request));
}

NATIVE(jint, spans)(JNIEnv *, jclass, jlong device, jlong request) {
  return kernels_spans(device_of(device), pointer<kernels_spans_request>(request));
}

NATIVE(jint, votes)(JNIEnv *, jclass, jlong device, jlong request) {
  return kernels_votes(device_of(device), pointer<kernels_votes_request>(request));
}

NATIVE(jlong, sketchBytes)(JNIEnv *, jclass, jlong head_dim) { return kernels_sketch_bytes(head_dim); }

NATIVE(jint, sketch)(JNIEnv *, jclass, jlong device, jlong layout, jlong pages, jlong count) {
  return kernels_sketch(device_of(device), pointer<kernels_kv_layout>(layout), pointer<kernels_sketch_page>(pages), count);
}

NATIVE(jint, cardCount)(JNIEnv *, jclass) { return kernels_card_count(); }

NATIVE(jstring, cardName)(JNIEnv *env, jclass, jint card) { return text(env, kernels_card_name(card)); }

NATIVE(jstring, cardMissing)(JNIEnv *env, jclass, jint card) { return text(env, kernels_card_missing(card)); }

NATIVE(jlong, openCard)(JNIEnv *, jclass, jint card, jint threads) {
  kernels_device *device = nullptr;
  return kernels_open_card(card, threads, &device) == KERNELS_OK ? static_cast<jlong>(reinterpret_cast<intptr_t>(device))
                                                                 : 0;
}

NATIVE(jint, cardAllocate)(JNIEnv *, jclass, jlong device, jlong bytes, jlong memory) {
  return kernels_card_allocate(device_of(device), bytes, pointer<void *>(memory));
}

NATIVE(jint, cardTake)(JNIEnv *, jclass, jlong device, jlong bytes, jlong memory) {
  return kernels_card_take(device_of(device), bytes, pointer<void *>(memory));
}

NATIVE(jint, cardTakePinned)(JNIEnv *, jclass, jlong device, jlong bytes, jlong memory) {
  return kernels_card_take_pinned(device_of(device), bytes, pointer<void *>(memory));
}

NATIVE(jint, cardRelease)(JNIEnv *, jclass, jlong device, jlong memory) {
  return kernels_card_release(device_of(device), pointer<void>(memory));
}

NATIVE(jint, copy)(JNIEnv *, jclass, jlong device, jlong pieces, jlong count) {
  return kernels_copy(device_of(device), pointer<kernels_piece>(pieces), count);
}

NATIVE(jint, cardCopy)(JNIEnv *, jclass, jlong device, jlong to, jlong from, jlong bytes) {
  return kernels_card_copy(device_of(device), pointer<void>(to), pointer<void>(from), bytes);
}

NATIVE(jint, cardRoom)(JNIEnv *, jclass, jlong device, jlong free_bytes, jlong bytes) {
  return kernels_card_room(device_of(device), pointer<int64_t>(free_bytes), pointer<int64_t>(bytes));
}
