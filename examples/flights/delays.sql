-- Every flight that left New York's three airports in January 2013: from a file into
-- a topic, from the topic through event-time windows into another, and the ten worst
-- hours on the screen.
--
--   go run ./cmd/millrace run examples/flights/delays.sql
--
-- With --data DIR the topics stay, and `millrace serve --data DIR` serves them to any
-- Kafka client. Relative paths start from this script's folder.

SET 'table.dml-sync' = 'true';  -- an INSERT ends before the next statement begins
SET 'parallelism.default' = '2';

-- Cancelled flights have no delay and so no event time: they are no departures. They
-- are dropped without moving the watermark, and counted apart from late rows.
SET 'table.exec.source.rowtime-null-handling' = 'DROP';

-- The file lists a day's flights by the hour at which they left, so one that left
-- after midnight stands first on the day that it belonged to: a row may be up to
-- 24 hours behind one before it, and the watermark allows for that.
CREATE TABLE flights (
  `year` INT, `month` INT, `day` INT,
  dep_time INT, sched_dep_time INT, dep_delay INT,
  arr_time INT, sched_arr_time INT, arr_delay INT,
  carrier STRING, flight INT, tailnum STRING, origin STRING, dest STRING,
  air_time INT, distance INT, `hour` INT, `minute` INT, time_hour STRING,
  event_time AS TIMESTAMPADD(MINUTE, `minute` + dep_delay,
                             TO_TIMESTAMP(time_hour, 'yyyy-MM-dd''T''HH:mm:ss''Z''')),
  WATERMARK FOR event_time AS event_time - INTERVAL '1' DAY
) WITH (
  'connector' = 'filesystem',
  'path' = 'flights-2013-01.csv.gz',
  'format' = 'csv',
  'csv.header' = 'true',
  'csv.null-literal' = 'NA'
);

CREATE TABLE airlines (
  carrier STRING, name STRING,
  PRIMARY KEY (carrier) NOT ENFORCED
) WITH (
  'connector' = 'filesystem',
  'path' = 'airlines.csv',
  'format' = 'csv',
  'csv.header' = 'true'
);

-- A table without a connector is a topic of millrace's own log.
CREATE TABLE departures (
  origin STRING, dest STRING, carrier STRING, flight INT, dep_delay INT,
  event_time TIMESTAMP(3),
  WATERMARK FOR event_time AS event_time - INTERVAL '1' DAY
) WITH (
  'topic' = 'departures',
  'topic.partitions' = '3',
  'key.fields' = 'origin',
  'key.format' = 'raw',
  'scan.bounded.mode' = 'latest-offset'  -- without it, the jobs below would run for ever
);

CREATE TABLE delays (
  hours INT,                 -- width of the window
  origin STRING,
  window_start TIMESTAMP(3), window_end TIMESTAMP(3),
  departures BIGINT,
  share_delayed DOUBLE,      -- by more than 15 minutes
  mean_delay DOUBLE, max_delay INT
) WITH (
  'topic' = 'delays',
  'key.fields' = 'origin',
  'key.format' = 'raw',
  'scan.bounded.mode' = 'latest-offset'
);

-- With a primary key the topic is a table: the last record of a key counts.
CREATE TABLE airline_totals (
  carrier STRING, name STRING,
  departures BIGINT, share_delayed DOUBLE, mean_delay DOUBLE, max_delay INT,
  PRIMARY KEY (carrier) NOT ENFORCED
) WITH (
  'topic' = 'airline_totals',
  'key.format' = 'raw',
  'scan.bounded.mode' = 'latest-offset'
);

INSERT INTO departures
SELECT origin, dest, carrier, flight, dep_delay, event_time FROM flights;

-- One job with two sinks' worth of windows over one reading of the topic.
EXECUTE STATEMENT SET BEGIN
  INSERT INTO delays
  SELECT 1, origin, window_start, window_end, COUNT(*),
         AVG(CASE WHEN dep_delay > 15 THEN 1.0E0 ELSE 0.0E0 END),
         AVG(CAST(dep_delay AS DOUBLE)), MAX(dep_delay)
  FROM TABLE(TUMBLE(TABLE departures, DESCRIPTOR(event_time), INTERVAL '1' HOUR))
  GROUP BY origin, window_start, window_end;

  INSERT INTO delays
  SELECT 3, origin, window_start, window_end, COUNT(*),
         AVG(CASE WHEN dep_delay > 15 THEN 1.0E0 ELSE 0.0E0 END),
         AVG(CAST(dep_delay AS DOUBLE)), MAX(dep_delay)
  FROM TABLE(HOP(TABLE departures, DESCRIPTOR(event_time), INTERVAL '1' HOUR, INTERVAL '3' HOUR))
  GROUP BY origin, window_start, window_end;
END;

-- Running totals: each departure updates its airline's row.
INSERT INTO airline_totals
SELECT t.carrier, a.name, t.departures, t.share_delayed, t.mean_delay, t.max_delay
FROM (
  SELECT carrier, COUNT(*) AS departures,
         AVG(CASE WHEN dep_delay > 15 THEN 1.0E0 ELSE 0.0E0 END) AS share_delayed,
         AVG(CAST(dep_delay AS DOUBLE)) AS mean_delay, MAX(dep_delay) AS max_delay
  FROM departures
  GROUP BY carrier
) AS t
JOIN airlines AS a ON t.carrier = a.carrier;

SET 'execution.runtime-mode' = 'batch';  -- print the end result, not how it came about

SELECT window_start, origin, departures, ROUND(share_delayed, 3) AS share_delayed,
       ROUND(mean_delay, 1) AS mean_delay, max_delay
FROM delays
WHERE hours = 1 AND departures >= 5
ORDER BY mean_delay DESC, window_start, origin
LIMIT 10;
