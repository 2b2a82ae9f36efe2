/** The Spark SQL functions, one file each, and their list. Only this package imports Spark. */
package org.longform.sql;
