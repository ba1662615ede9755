using EasySmart.BillingQuota.Plans;
using EasySmart.BillingQuota.Quotas;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.BillingQuota;

/// <summary>The plans. Usage is beside it, added up by its consumer alone.</summary>
internal sealed class BillingDb(DbContextOptions<BillingDb> options) : DbContext(options)
{
    public DbSet<Plan> Plans => Set<Plan>();

    public DbSet<PlanState> PlanStates => Set<PlanState>();

    public DbSet<StoredBytes> StoredBytes => Set<StoredBytes>();

    public DbSet<TenantPlan> TenantPlans => Set<TenantPlan>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.AddOutbox();
        modelBuilder.Entity<TenantPlan>(plan =>
        {
            plan.HasKey(p => p.TenantId);
            plan.Property(p => p.TenantId).ValueGeneratedNever();
        });
        modelBuilder.Entity<Plan>().HasKey(plan => plan.PlanType);
        modelBuilder.Entity<PlanState>().ToTable("plan_history").HasKey(state => new { state.PlanType, state.Version });
        modelBuilder.Entity<StoredBytes>().ToTable("tenant_storage").HasKey(stored => stored.TenantId);
    }
}
