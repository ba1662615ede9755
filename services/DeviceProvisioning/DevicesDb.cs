using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Commands;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Quotas;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace EasySmart.DeviceProvisioning;

/// <summary>Database <c>devices</c>, as Migrations/ makes it.</summary>
public sealed class DevicesDb(DbContextOptions<DevicesDb> options) : DbContext(options)
{
    public DbSet<Device> Devices => Set<Device>();

    public DbSet<Credential> Credentials => Set<Credential>();

    public DbSet<SessionEnd> SessionEnds => Set<SessionEnd>();

    public DbSet<Command> Commands => Set<Command>();

    public IQueryable<LiveSession> LiveSessions => Set<LiveSession>();

    public DbSet<TenantQuota> TenantQuotas => Set<TenantQuota>();

    // A label that is taken is no fault of ours; what is one is logged where it is answered.
    protected override void OnConfiguring(DbContextOptionsBuilder optionsBuilder) => optionsBuilder.ConfigureWarnings(warnings => warnings.Log(
        (CoreEventId.SaveChangesFailed, LogLevel.Debug), (RelationalEventId.CommandError, LogLevel.Debug)));

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.AddOutbox();
        modelBuilder.Entity<Device>(device =>
        {
            device.Property(d => d.Id).ValueGeneratedNever();
            device.Property(d => d.Status).HasConversion(
                status => status.ToString().ToLowerInvariant(),
                text => Enum.Parse<DeviceStatus>(text, ignoreCase: true));
            device.Property(d => d.Metadata).HasColumnType("jsonb");
            device.Property(d => d.Version).ValueGeneratedOnAdd();
        });
        modelBuilder.Entity<Credential>(credential =>
        {
            credential.Property(c => c.Id).ValueGeneratedNever();
            credential.Property(c => c.ValidFrom).ValueGeneratedOnAdd();
            credential.HasOne<Device>().WithMany().HasForeignKey(c => c.DeviceId);
        });
        modelBuilder.Entity<SessionEnd>();
        modelBuilder.Entity<Command>(command =>
        {
            command.Property(c => c.Id).ValueGeneratedNever();
            command.Property(c => c.Number).ValueGeneratedOnAdd();
            command.Property(c => c.Payload).HasColumnType("json");
            command.Property(c => c.Result).HasColumnType("json");
            command.Property(c => c.State).HasConversion(
                state => state.ToString().ToLowerInvariant(),
                text => Enum.Parse<CommandState>(text, ignoreCase: true));
        });
        modelBuilder.Entity<LiveSession>().HasNoKey().ToSqlQuery("SELECT tenant_id, device_id, connected_at FROM mqtt_sessions WHERE connected");
        modelBuilder.Entity<TenantQuota>().HasKey(q => q.TenantId);
    }
}
