import java.io.BufferedWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.catalog.Column;
import org.apache.flink.table.functions.ScalarFunction;

/**
 * Runs queries in Apache Flink, in batch mode unless they begin with the comment streaming, and writes their rows: a line with the columns and
 * their types, then a line a row, its values separated by tabs, \N for NULL.
 *
 * <p>Oracle DIR: reads DIR/prologue.sql, and for each DIR/NAME.query writes DIR/NAME.rows, or
 * DIR/NAME.error with what Flink said.
 */
public class Oracle {
  /** The user function of q14: how often a character is in a text. */
  public static class CountChar extends ScalarFunction {
    public long eval(String s, String character) {
      return s == null ? 0 : s.chars().filter(c -> c == character.charAt(0)).count();
    }
  }

  public static void main(String[] args) throws Exception {
    Path dir = Path.of(args[0]);
    TableEnvironment batch = environment(EnvironmentSettings.newInstance().inBatchMode(), "2", dir);
    TableEnvironment streaming = environment(EnvironmentSettings.newInstance().inStreamingMode(), "1", dir);
    List<Path> queries;
    try (var files = Files.list(dir)) {
      queries = files.filter(f -> f.toString().endsWith(".query")).sorted().toList();
    }
    for (Path query : queries) {
      String name = query.getFileName().toString().replace(".query", "");
      long started = System.nanoTime();
      try {
        String sql = Files.readString(query);
        long rows = run(sql.startsWith("-- streaming") ? streaming : batch, name, sql.replaceFirst("^--.*\n", ""), dir);
        System.out.printf("%s: %d rows, %.1f s%n", name, rows, (System.nanoTime() - started) / 1e9);
      } catch (Exception e) {
        Throwable cause = e;
        while (cause.getCause() != null) {
          cause = cause.getCause();
        }
        Files.deleteIfExists(dir.resolve(name + ".rows"));
        Files.writeString(dir.resolve(name + ".error"), String.valueOf(cause));
        System.out.printf("%s: %s%n", name, String.valueOf(cause).lines().findFirst().orElse(""));
      }
    }
    System.exit(0);
  }

  static TableEnvironment environment(EnvironmentSettings.Builder settings, String parallelism, Path dir) throws Exception {
    Configuration config = new Configuration();
    config.setString("parallelism.default", parallelism);
    config.setString("taskmanager.memory.managed.size", "512m");
    config.setString("execution.checkpointing.interval", "10s"); // which finishes files
    TableEnvironment env = TableEnvironment.create(settings.withConfiguration(config).build());
    env.createTemporarySystemFunction("count_char", CountChar.class);
    for (String statement : Files.readString(dir.resolve("prologue.sql")).split(";")) {
      if (!statement.isBlank()) {
        env.executeSql(statement);
      }
    }
    return env;
  }

  /** Flink writes files of values by itself: to fetch a million rows from it takes minutes. */
  static long run(TableEnvironment env, String name, String sql, Path dir) throws Exception {
    StringBuilder columns = new StringBuilder();
    StringBuilder types = new StringBuilder();
    for (Column c : env.sqlQuery(sql).getResolvedSchema().getColumns()) {
      String type = c.getDataType().getLogicalType().copy(true).asSerializableString();
      columns.append(columns.length() == 0 ? "c" : ", c").append(columns.length()).append(" ").append(type);
      types.append(types.length() == 0 ? "" : "\t").append(type);
    }
    env.executeSql(
        "CREATE TABLE out_" + name + " (" + columns + ") WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'file://"
            + dir.resolve(name + ".parts") + "', 'csv.field-delimiter' = U&'\\0009', 'csv.disable-quote-character' = 'true',"
            + " 'csv.null-literal' = '\\N', 'csv.write-bigdecimal-in-scientific-notation' = 'false')");
    env.executeSql("INSERT INTO out_" + name + " " + sql).await();
    long rows = 0;
    try (BufferedWriter out = Files.newBufferedWriter(dir.resolve(name + ".rows"));
        var parts = Files.walk(dir.resolve(name + ".parts"))) {
      out.append(types).append('\n');
      for (Path part : parts.filter(Files::isRegularFile).sorted().toList()) {
        try (var lines = Files.lines(part)) {
          for (String line : (Iterable<String>) lines::iterator) {
            out.append(line).append('\n');
            rows++;
          }
        }
      }
    }
    return rows;
  }
}
