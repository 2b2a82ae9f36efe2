// Everything nvcc compiles, one image for the whole device.
#include "arguments.h"
#include "portable.h"
#include "../kv_rows.h"

#include "stored.inl"
#include "rowwise.inl"
#include "store.inl"
#include "copy.inl"
#include "matmul.inl"
#include "tiles.inl"
#include "attend.inl"
#include "top_keys.inl"
