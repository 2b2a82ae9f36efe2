// llama-logits MODEL.gguf ID...: for each token of the text a line with llama.cpp's logits after it.
#include <cstdio>
#include <cstdlib>

#include "llama.h"

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: llama-logits MODEL.gguf ID...\n");
    return 2;
  }
  llama_backend_init();
  llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (!model) return 1;

  // float32 throughout, so that what differs is a difference of the models
  const int count = argc - 2;
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = 256;
  params.n_threads = params.n_threads_batch = 1;
  params.type_k = params.type_v = GGML_TYPE_F32;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  llama_context *context = llama_init_from_model(model, params);
  if (!context) return 1;

  llama_batch batch = llama_batch_init(count, 0, 1);
  for (int i = 0; i < count; i++) {
    batch.token[i] = atoi(argv[2 + i]);
    batch.pos[i] = i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = true;
  }
  batch.n_tokens = count;
  if (llama_decode(context, batch) != 0) return 1;

  const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
  for (int i = 0; i < count; i++) {
    const float *logits = llama_get_logits_ith(context, i);
    for (int v = 0; v < vocabulary; v++) printf(v ? " %.9g" : "%.9g", logits[v]);
    printf("\n");
  }
  llama_batch_free(batch);
  llama_free(context);
  llama_model_free(model);
}
