import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.metrics.MetricConfig;
import org.apache.kafka.common.metrics.Quota;
import org.apache.kafka.common.metrics.stats.Rate;
import org.apache.kafka.common.metrics.stats.TokenBucket;

/**
 * Prints what Kafka's own Rate and TokenBucket say after random uses at random times, for TestAsKafka:
 * java -cp '.peers/kafka/*' internal/broker/quota/testdata/Record.java > internal/broker/quota/testdata/kafka.txt
 * A line: seed, time (ms), amount, rate per second, window (ms), tokens.
 */
public class Record {
    public static void main(String[] args) {
        for (int seed = 0; seed < 12; seed++) {
            Random random = new Random(seed);
            int samples = seed % 3 == 0 ? 11 : 2 + seed;
            int seconds = 1 + seed % 2;
            double limit = 10 + seed;
            MetricConfig config = new MetricConfig().samples(samples).timeWindow(seconds, TimeUnit.SECONDS).quota(Quota.upperBound(limit));
            Rate rate = new Rate();
            TokenBucket bucket = new TokenBucket();
            long now = 1_000_000_000L;
            System.out.printf("window %d samples=%d seconds=%d limit=%s%n", seed, samples, seconds, limit);
            for (int i = 0; i < 120; i++) {
                now += random.nextInt(10) == 0 ? random.nextInt(samples * seconds * 1500) : random.nextInt(700);
                double amount = random.nextInt(100);
                rate.record(config, amount, now);
                bucket.record(config, amount, now);
                System.out.printf("%d %s %s %d %s%n", now, amount, rate.measure(config, now), rate.windowSize(config, now), bucket.measure(config, now));
            }
        }
    }
}
