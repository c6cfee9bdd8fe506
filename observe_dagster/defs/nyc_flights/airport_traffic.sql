SELECT
    flights.dest AS airport,
    airports.name AS airport_name,
    count(*) AS flights,
    count(DISTINCT flights.carrier) AS carriers,
    CAST(sum(flights.distance) AS BIGINT) AS miles,
    max(flights.scheduled_at) AS newest_departure
FROM analytics.flights AS flights
LEFT JOIN analytics.airports AS airports ON airports.faa = flights.dest
WHERE NOT flights.is_deleted
GROUP BY flights.dest, airports.name
