package org.longform.prompt.jinja;

/** What a template can call: a function, a macro, or a method of a value. */
@FunctionalInterface
interface TemplateFunction {
  Object call(Arguments arguments, Rendering rendering);
}
