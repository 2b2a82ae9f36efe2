/** Text to tokens and back, exactly and in bounded memory, from a model's own files. */
package org.longform.tokenizer;
