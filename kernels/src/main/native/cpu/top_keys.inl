namespace longform {
namespace LONGFORM_ISA {

inline void top_keys(Pool &, const kernels_top_keys_request &) {}

}  // namespace LONGFORM_ISA
}  // namespace longform
