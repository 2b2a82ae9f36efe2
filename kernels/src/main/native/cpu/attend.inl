namespace longform {
namespace LONGFORM_ISA {

inline void attend(Pool &, const kernels_attention &) {}

}  // namespace LONGFORM_ISA
}  // namespace longform
