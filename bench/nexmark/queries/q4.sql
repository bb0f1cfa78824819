-- The average of the winning bids of a category's auctions: a join, an aggregate of an aggregate.
CREATE TABLE answer (id BIGINT, final BIGINT) WITH (${SINK});

INSERT INTO answer
SELECT Q.category, AVG(Q.final)
FROM (
  SELECT MAX(B.price) AS final, A.category
  FROM auction A, bid B
  WHERE A.id = B.auction AND B.`dateTime` BETWEEN A.`dateTime` AND A.expires
  GROUP BY A.id, A.category
) Q
GROUP BY Q.category;
