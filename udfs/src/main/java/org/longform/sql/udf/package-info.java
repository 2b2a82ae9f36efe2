/**
 * The functions as plain Java UDF classes, for places where session extensions cannot be set. Each
 * class has one arity, because Spark refuses a class with several.
 */
package org.longform.sql.udf;
