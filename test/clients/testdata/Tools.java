import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's tools one after the other in one JVM, since to start one costs more than to run it: each line of standard input is a
 * class and its arguments. What a tool prints is followed by a line with its exit code.
 */
public class Tools {
    static class Exited extends Error {
        Exited() { super(null, null, false, false); }
    }

    /** What a tool exited with first: some catch what its exit throws, and exit again. */
    static Integer exited;

    static void exit(int code) {
        if (exited == null)
            exited = code;
        throw new Exited();
    }

    public static void main(String[] args) throws Exception {
        System.setErr(System.out);
        Exit.setExitProcedure((code, message) -> exit(code));
        Exit.setHaltProcedure((code, message) -> exit(code));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String[] words = line.split(" ");
            String[] rest = java.util.Arrays.copyOfRange(words, 1, words.length);
            exited = null;
            try {
                Class.forName(words[0]).getMethod("main", String[].class).invoke(null, (Object) rest);
            } catch (java.lang.reflect.InvocationTargetException e) {
                if (!(e.getCause() instanceof Exited)) {
                    e.getCause().printStackTrace();
                    exited = 1;
                }
            }
            System.out.flush();
            System.out.println("=== " + (exited == null ? 0 : exited));
        }
        Runtime.getRuntime().halt(0);
    }
}
