-- Pass through: what it costs to read and write.
CREATE TABLE answer (auction BIGINT, bidder BIGINT, price BIGINT, `dateTime` TIMESTAMP(3), extra STRING) WITH (${SINK});

INSERT INTO answer
SELECT auction, bidder, price, `dateTime`, extra FROM bid;
