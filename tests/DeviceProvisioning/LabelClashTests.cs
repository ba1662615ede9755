namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Chance made up a label that is taken, twice in a row: a database that says so stands in for chance.</summary>
public sealed class LabelClashTests(LonelyHost host) : IClassFixture<LonelyHost>
{
    [Fact]
    public async Task A_made_up_label_that_is_taken_is_made_up_anew()
    {
        await host.ScalarAsync<object>(
            """
            CREATE SEQUENCE attempts;
            CREATE FUNCTION clash() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN
                IF nextval('attempts') <= 2 THEN
                    RAISE unique_violation USING CONSTRAINT = 'devices_device_label_key';
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER clash BEFORE INSERT ON devices FOR EACH ROW EXECUTE FUNCTION clash();
            """);
        var device = await host.Installer(Guid.CreateVersion7()).ProvisionAsync();
        Assert.Equal(3L, await host.ScalarAsync<long>("SELECT last_value FROM attempts"));
        Assert.Equal(device.device_label, await host.ScalarAsync<string>("SELECT device_label FROM devices WHERE id = $1", device.device_id));
        Assert.Equal("allow", await host.Broker().ResultOfAsync(device.device_label, device.device_secret));
    }
}
