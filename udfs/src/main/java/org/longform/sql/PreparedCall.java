package org.longform.sql;

import java.util.List;
import org.longform.options.Options;

/**
 * One call of a function on plain Java values.
 *
 * @param arguments strings, numbers, lists of strings; null for NULL
 * @param options what the conf and the options map say
 */
record PreparedCall(
    SqlFunction function, FunctionForm form, List<Object> arguments, Options options) {}
