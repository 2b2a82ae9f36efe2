/** What the model is asked: the text before and after a document, plain or in a chat template. */
package org.longform.prompt;
