/* The kernels for cards, as nvcc made them (IMAGE). */
  .section .rodata
  .global longform_card_image
  .hidden longform_card_image
  .align 16
longform_card_image:
  .incbin IMAGE
  .section .note.GNU-stack, "", %progbits
